// The properties of code points that the tokenizer asks for, from tables made by tools/make_unicode_tables.py.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace bert_runtime::unicode {

/// Bits of `flags`.
enum Flag : std::uint16_t {
  kDropped = 1,      ///< clean_text removes it.
  kSpace = 2,        ///< Words end there, and clean_text makes it a space.
  kChinese = 4,      ///< handle_chinese_chars puts spaces around it.
  kPunctuation = 8,  ///< A word of its own.
  kMark = 16,        ///< strip_accents removes it.
  kWord = 32,        ///< A token with single_word does not match beside it.
  kDecomposes = 64,  ///< NFD writes it with other code points.
  kLowers = 128,     ///< lowercase changes it.
  kCombines = 256,   ///< NFD may move it past its neighbours.
};

/// The flags of a code point; 0 beyond U+10FFFF.
std::uint16_t flags(char32_t code);

/// A few code points, held in place: what one code point becomes.
struct Expansion {
  static constexpr int kMost = 8;
  char32_t codes[kMost] = {};
  int size = 0;
};

/// The full canonical decomposition (NFD) of a code point flagged kDecomposes.
Expansion decomposition(char32_t code);

/// What a code point flagged kLowers is in lower case.
Expansion lowercase(char32_t code);

/// The canonical combining class: above 0 for those flagged kCombines, else 0.
int combining_class(char32_t code);

/// The code points from `first` to `last`, both among them.
struct CodePoints {
  char32_t first, last;
};

/// Whether one of these holds it; they are sorted and do not overlap.
bool holds(std::span<const CodePoints> sorted, char32_t code);

/// A code point and how many bytes it takes.
struct Decoded {
  char32_t code;
  std::uint32_t length;
};

/// How many bytes the code point takes whose first byte this is, in valid UTF-8.
inline std::uint32_t length(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

/// The code point that begins at `at` of valid UTF-8.
inline Decoded decode(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(text[at + i])); };
  const char32_t first = byte(0);
  if (first < 0x80) return {first, 1};
  if (first < 0xE0) return {(first & 0x1F) << 6 | (byte(1) & 0x3F), 2};
  if (first < 0xF0) return {(first & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F), 3};
  return {(first & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F), 4};
}

/// The code point that ends before `at` (above 0) of valid UTF-8.
inline Decoded decode_before(std::string_view text, std::size_t at) {
  std::size_t start = at - 1;
  while ((static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) --start;
  return decode(text, start);
}

/// Appends a code point in UTF-8.
void append(std::string& text, char32_t code);

}  // namespace bert_runtime::unicode
