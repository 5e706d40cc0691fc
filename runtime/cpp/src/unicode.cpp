#include "unicode.h"

#include <algorithm>
#include <iterator>

namespace bert_runtime::unicode {
namespace {

/// One code point's result: `length` code points of the pool from `start` on.
struct Mapping {
  char32_t code;
  std::uint16_t start;
  std::uint16_t length;
};

struct Combining {
  char32_t code;
  std::uint8_t rank;
};

#include "unicode_tables.inc"

constexpr char32_t kLastCode = 0x10FFFF;
constexpr std::size_t kBlockSize = (kLastCode + 1) / std::size(kBlockOf);

template <class Entry, std::size_t N>
const Entry* find(const Entry (&table)[N], char32_t code) {
  const Entry* found = std::lower_bound(table, table + N, code, [](const Entry& e, char32_t c) { return e.code < c; });
  return found != table + N && found->code == code ? found : nullptr;
}

template <std::size_t N>
Expansion expand(const Mapping (&table)[N], char32_t code) {
  Expansion result;
  const Mapping* found = find(table, code);
  if (found == nullptr) {
    result.codes[result.size++] = code;
    return result;
  }
  static_assert(std::size(kPool) <= UINT16_MAX);
  std::copy_n(kPool + found->start, found->length, result.codes);
  result.size = found->length;
  return result;
}

constexpr bool fits(const Mapping& mapping) { return mapping.length <= Expansion::kMost; }
static_assert(std::all_of(std::begin(kDecomposed), std::end(kDecomposed), fits));
static_assert(std::all_of(std::begin(kLowered), std::end(kLowered), fits));

constexpr char32_t kHangul = 0xAC00;
constexpr char32_t kHangulLast = 0xD7A3;

/// Hangul syllables decompose by arithmetic (The Unicode Standard, section 3.12).
Expansion hangul(char32_t code) {
  const char32_t place = code - kHangul;
  const char32_t tail = place % 28;
  Expansion result{{0x1100 + place / (21 * 28), 0x1161 + place / 28 % 21, 0x11A7 + tail}, tail == 0 ? 2 : 3};
  return result;
}

}  // namespace

bool holds(std::span<const CodePoints> sorted, char32_t code) {
  const auto after = std::ranges::upper_bound(sorted, code, {}, &CodePoints::first);
  return after != sorted.begin() && code <= std::prev(after)->last;
}

std::uint16_t flags(char32_t code) {
  if (code > kLastCode) return 0;
  return kBlocks[kBlockOf[code / kBlockSize] * kBlockSize + code % kBlockSize];
}

Expansion decomposition(char32_t code) {
  return kHangul <= code && code <= kHangulLast ? hangul(code) : expand(kDecomposed, code);
}

Expansion lowercase(char32_t code) { return expand(kLowered, code); }

int combining_class(char32_t code) {
  const Combining* found = find(kCombining, code);
  return found == nullptr ? 0 : found->rank;
}

void append(std::string& text, char32_t code) {
  const auto put = [&](char32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

}  // namespace bert_runtime::unicode
