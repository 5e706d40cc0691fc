#include "trimmed_offsets.h"

#include <algorithm>

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

}  // namespace

void OffsetTrims::move_begin(std::int64_t count, Span& characters, Span& bytes) const {
  count = std::min(count, characters.end - characters.begin);
  characters.begin += count;
  for (; count > 0; --count) bytes.begin += unicode::length(text_[static_cast<std::size_t>(bytes.begin)]);
}

void OffsetTrims::move_end(std::int64_t count, Span& characters, Span& bytes) const {
  if (characters.end < count) return;
  count = std::min(count, characters.end - characters.begin);
  characters.end -= count;
  for (; count > 0; --count) bytes.end -= unicode::decode_before(text_, static_cast<std::size_t>(bytes.end)).length;
}

void OffsetTrims::trim(std::string_view name, bool is_first, Span& characters, Span& bytes) const {
  const std::int64_t before = leading(name), behind = trailing(name);
  for (const bool prefixed : prefixed_) {
    const bool is_start = is_first || characters.begin == 0;
    move_begin(is_start && prefixed && before == 1 ? 0 : before, characters, bytes);
    move_end(behind, characters, bytes);
  }
}

}  // namespace bert_runtime
