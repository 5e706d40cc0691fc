#include "lower_case.h"

#include <algorithm>

#include "character_counter.h"
#include "unicode.h"

namespace bert_runtime {
namespace {

using unicode::CodePoints;
using unicode::Decoded;

/// A code point and what it is in lower case.
struct Lowered {
  char32_t code, lower;
};

constexpr Lowered kLowered[] = {
#include "lower_case_table.inc"
};

constexpr CodePoints kCased[] = {
#include "cased_table.inc"
};

constexpr CodePoints kCaseIgnorable[] = {
#include "case_ignorable_table.inc"
};

constexpr char32_t kSigma = 0x3A3, kSmallSigma = 0x3C3, kFinalSigma = 0x3C2;

/// The only code point that becomes two: a dotted capital I.
constexpr char32_t kDottedI = 0x130, kCombiningDot = 0x307;

char32_t simple_lower(char32_t code) {
  if (code < 0x80) return code >= 'A' && code <= 'Z' ? code + ('a' - 'A') : code;
  const Lowered* found = std::ranges::lower_bound(kLowered, code, {}, &Lowered::code);
  return found != std::end(kLowered) && found->code == code ? found->lower : code;
}

/// Whether the first of the code points from `at` on that is not ignored has case.
bool is_cased_after(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    const Decoded next = unicode::decode(text, at);
    if (!unicode::holds(kCaseIgnorable, next.code)) return unicode::holds(kCased, next.code);
    at += next.length;
  }
  return false;
}

bool is_cased_before(std::string_view text, std::size_t at) {
  while (at > 0) {
    const Decoded before = unicode::decode_before(text, at);
    if (!unicode::holds(kCaseIgnorable, before.code)) return unicode::holds(kCased, before.code);
    at -= before.length;
  }
  return false;
}

Place place_of(std::size_t begin, std::size_t end) {
  return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)};
}

}  // namespace

Normalized lower_case(std::string_view text) {
  Normalized out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const Decoded next = unicode::decode(text, at);
    const std::size_t end = at + next.length;
    if (next.code == kSigma) {
      out.append(is_cased_before(text, at) && !is_cased_after(text, end) ? kFinalSigma : kSmallSigma,
                 place_of(at, end));
    } else if (next.code == kDottedI) {
      out.append(U'i', place_of(at, end));
      out.append(kCombiningDot, place_of(at, end));
    } else {
      out.append(simple_lower(next.code), place_of(at, end));
    }
    at = end;
  }
  return out;
}

Pieces lower_case_pieces(const Tokenizer& tokenizer, std::string_view text) {
  require_readable(text);
  const Normalized lowered = lower_case(text);
  Pieces pieces = tokenizer.encode(lowered.text);
  CharacterCounter characters(text);
  for (std::size_t i = 0; i < pieces.ids.size(); ++i) {
    const auto begin = static_cast<std::size_t>(pieces.bytes[i].begin);
    const auto last = static_cast<std::size_t>(pieces.bytes[i].end - 1);
    pieces.bytes[i] = {lowered.begin[begin], lowered.end[last]};
    const std::int64_t first = characters(lowered.begin[begin]);
    pieces.offsets[i] = {first, characters(lowered.end[last])};
  }
  return pieces;
}

}  // namespace bert_runtime
