#include "trimmed_offsets.h"

#include <algorithm>
#include <functional>

#include "unicode.h"

namespace bert_runtime {
namespace {

/// What a space is in a byte-level token.
constexpr char32_t kVisibleSpace = 0x120;

bool is_trimmed(char32_t code) { return code == kVisibleSpace || (unicode::flags(code) & unicode::kSpace); }

std::int64_t leading(std::string_view name) {
  std::int64_t count = 0;
  for (std::size_t at = 0; at < name.size(); ++count) {
    const unicode::Decoded next = unicode::decode(name, at);
    if (!is_trimmed(next.code)) break;
    at += next.length;
  }
  return count;
}

std::int64_t trailing(std::string_view name) {
  std::int64_t count = 0;
  for (std::size_t at = name.size(); at > 0; ++count) {
    const unicode::Decoded last = unicode::decode_before(name, at);
    if (!is_trimmed(last.code)) break;
    at -= last.length;
  }
  return count;
}

bool is_boundary(std::string_view text, std::int64_t at) {
  const auto place = static_cast<std::size_t>(at);
  return place == text.size() || (static_cast<unsigned char>(text[place]) & 0xC0) != 0x80;
}

}  // namespace

/// Added tokens of spaces may overlap, each with the same end: what is left of the last one is spaces too.
OffsetTrims::Margins OffsetTrims::margins(std::string_view name) {
  const std::less_equal<> not_behind;
  if (!spaces_.empty() && !name.empty() && name.data() + name.size() == spaces_.data() + spaces_.size() &&
      not_behind(spaces_.data(), name.data())) {
    count_ -= count_code_points(spaces_.substr(0, spaces_.size() - name.size()));
    spaces_ = name;
    return {count_, count_};
  }
  const Margins found{leading(name), trailing(name)};
  if (!name.empty() && found.before == count_code_points(name)) {
    spaces_ = name;
    count_ = found.before;
  }
  return found;
}

void OffsetTrims::move_begin(std::int64_t count, Span& characters, Span& bytes) const {
  const std::int64_t all = characters.end - characters.begin;
  count = std::min(count, all);
  characters.begin += count;
  if (count == all && is_boundary(text_, bytes.begin) && is_boundary(text_, bytes.end)) {
    bytes.begin = bytes.end;
    return;
  }
  for (; count > 0; --count) bytes.begin += unicode::length(text_[static_cast<std::size_t>(bytes.begin)]);
}

void OffsetTrims::move_end(std::int64_t count, Span& characters, Span& bytes) const {
  if (characters.end < count) return;
  count = std::min(count, characters.end - characters.begin);
  characters.end -= count;
  for (; count > 0; --count) bytes.end -= unicode::decode_before(text_, static_cast<std::size_t>(bytes.end)).length;
}

void OffsetTrims::trim(std::string_view name, bool is_first, Span& characters, Span& bytes) {
  const auto [before, behind] = margins(name);
  for (const bool prefixed : prefixed_) {
    const bool is_start = is_first || characters.begin == 0;
    move_begin(is_start && prefixed && before == 1 ? 0 : before, characters, bytes);
    move_end(behind, characters, bytes);
  }
}

}  // namespace bert_runtime
