// More properties of code points, from tables made by tools/make_class_tables.py: see unicode.h.
#pragma once

#include <cstdint>
#include <span>

namespace bert_runtime::unicode {

/// Bits of `classes`.
enum Class : std::uint32_t {
  kLetter = 1,         ///< \p{L}
  kNumber = 2,         ///< \p{N}
  kNumeric = 4,        ///< Digits cuts it off.
  kCombiningMark = 8,  ///< StripAccents removes it.
  kComposes = 16,      ///< NFC may change it, or join it with what stands before.
  kCompatible = 32,    ///< NFKD writes it otherwise than NFD.
  kExtends = 64,       ///< Goes on with the grapheme before it.
  kSpacing = 128,      ///< The same, but not in an emoji's sequence.
  kPrepends = 256,     ///< Goes on with what stands behind it.
  kControl = 512,      ///< A grapheme of its own.
  kPictograph = 1024,  ///< May be joined to another.
  kHangulL = 2048,     ///< A leading consonant.
  kHangulV = 4096,     ///< A vowel.
  kHangulT = 8192,     ///< A trailing consonant.
  kHangulLV = 16384,   ///< A syllable without a trailing consonant.
  kHangulLVT = 32768,  ///< A syllable with one.
  kConsonant = 65536,  ///< Joined by a linker.
  kLinker = 131072,    ///< Joins consonants.
  kConjunct = 262144,  ///< May stand between a linker and a consonant.
};

/// The classes of a code point; 0 beyond U+10FFFF.
std::uint32_t classes(char32_t code);

/// The full compatibility decomposition (NFKD) of a code point of kCompatible.
std::span<const char32_t> compatible(char32_t code);

/// The code point that NFC makes of two, or 0.
char32_t composed(char32_t first, char32_t second);

}  // namespace bert_runtime::unicode
