#include "normalizers/characters.h"

#include <algorithm>
#include <utility>

#include "unicode.h"
#include "unicode/classes.h"

namespace bert_runtime {
namespace {

bool is_ascii_text(std::string_view text) {
  return std::ranges::all_of(text, [](char byte) { return static_cast<unsigned char>(byte) < 0x80; });
}

char ascii_lower(char byte) { return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte + ('a' - 'A')) : byte; }

bool is_space(char32_t code) { return (unicode::flags(code) & unicode::kSpace) != 0; }

}  // namespace

void Lowercase::apply(Normalized& text, Normalized& spare) const {
  if (is_ascii_text(text.text)) {
    std::ranges::transform(text.text, text.text.begin(), ascii_lower);
    return;
  }
  spare.clear();
  spare.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const unicode::Decoded next = unicode::decode(text.text, at);
    const Place place = text.place(at);
    const unicode::Expansion lower = unicode::lowercase(next.code);
    for (int i = 0; i < lower.size; ++i) spare.append(lower.codes[i], place);
    at += next.length;
  }
  std::swap(text, spare);
}

void StripAccents::apply(Normalized& text, Normalized& spare) const {
  if (is_ascii_text(text.text)) return;
  spare.clear();
  spare.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const unicode::Decoded next = unicode::decode(text.text, at);
    if (!(unicode::classes(next.code) & unicode::kCombiningMark)) spare.append(next.code, text.place(at));
    at += next.length;
  }
  std::swap(text, spare);
}

void Strip::apply(Normalized& text, Normalized& spare) const {
  Range kept{0, text.size()};
  while (left_ && kept.begin < kept.end) {
    const unicode::Decoded next = unicode::decode(text.text, kept.begin);
    if (!is_space(next.code)) break;
    kept.begin += next.length;
  }
  while (right_ && kept.begin < kept.end) {
    const unicode::Decoded last = unicode::decode_before(text.text, kept.end);
    if (!is_space(last.code)) break;
    kept.end -= last.length;
  }
  if (kept.begin == 0 && kept.end == text.size()) return;
  spare.clear();
  spare.append(text, kept);
  std::swap(text, spare);
}

void append_prepended(std::string_view start, const Normalized& text, Range part, Normalized& out) {
  out.append(start, text.place(part.begin));
  out.append(text, part);
}

void Prepend::apply(Normalized& text, Normalized& spare) const {
  if (text.empty()) return;
  spare.clear();
  spare.reserve(text.size() + start_.size());
  append_prepended(start_, text, {0, text.size()}, spare);
  std::swap(text, spare);
}

}  // namespace bert_runtime
