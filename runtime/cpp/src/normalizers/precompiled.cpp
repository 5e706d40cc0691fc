#include "normalizers/precompiled.h"

#include <utility>

#include "unicode.h"
#include "unicode/graphemes.h"

namespace bert_runtime {
namespace {

constexpr std::size_t kLongestGrapheme = 5;

std::int32_t characters_of(std::string_view text) {
  std::int32_t count = 0;
  for (const char byte : text) count += (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
  return count;
}

/// Appends the code points of `to`, which replace those of `from`. As in the library the last code points are new where
/// there are more of them, and the last one before removes the rest where there are fewer, whichever that is.
void note(std::string_view from, std::string_view to, std::vector<Change>& changes) {
  const std::int32_t more = characters_of(to) - characters_of(from);
  for (std::size_t at = 0; at < to.size();) {
    const unicode::Decoded next = unicode::decode(to, at);
    changes.push_back({next.code, 0});
    at += next.length;
  }
  if (more < 0 && !changes.empty()) changes.back().change += more;
  for (std::int32_t i = 0; i < more; ++i) changes[changes.size() - 1 - static_cast<std::size_t>(i)].change = 1;
}

bool is_plain_ascii(std::string_view text, std::size_t at) {
  const auto is_ascii = [&](std::size_t i) { return static_cast<unsigned char>(text[i]) < 0x80; };
  return is_ascii(at) && text[at] != '\r' && (at + 1 == text.size() || is_ascii(at + 1));
}

}  // namespace

Precompiled::Precompiled(Charsmap&& map) : map_(std::move(map)) {
  for (std::size_t code = 1; code < has_.size(); ++code) {
    const char character = static_cast<char>(code);
    has_[code] = map_.find({&character, 1}).has_value();
  }
}

bool Precompiled::replace(std::string_view grapheme, std::vector<Change>& changes) const {
  if (grapheme.size() <= kLongestGrapheme) {
    if (const auto found = map_.find(grapheme)) return note(grapheme, *found, changes), true;
  }
  bool is_changed = false;
  for (std::size_t at = 0; at < grapheme.size();) {
    const unicode::Decoded next = unicode::decode(grapheme, at);
    const std::string_view character = grapheme.substr(at, next.length);
    if (const auto found = map_.find(character)) {
      note(character, *found, changes);
      is_changed = true;
    } else {
      changes.push_back({next.code, 0});
    }
    at += next.length;
  }
  return is_changed;
}

void Precompiled::apply(Normalized& text, Normalized& spare) const {
  const std::string_view all = text.text;
  std::vector<Change> changes;
  changes.reserve(all.size());
  bool is_changed = false;
  for (std::size_t at = 0; at < all.size();) {
    const auto byte = static_cast<unsigned char>(all[at]);
    if (is_plain_ascii(all, at) && !has_[byte]) {
      changes.push_back({byte, 0});
      ++at;
      continue;
    }
    const std::size_t end = unicode::grapheme_end(all, at);
    is_changed |= replace(all.substr(at, end - at), changes);
    at = end;
  }
  if (!is_changed) return;
  transform(text, changes, 0, spare);
  std::swap(text, spare);
}

}  // namespace bert_runtime
