#include "unicode/classes.h"

#include <algorithm>
#include <iterator>
#include <tuple>

namespace bert_runtime::unicode {
namespace class_tables {

/// One code point's result: `length` code points of the pool from `start` on.
struct ClassMapping {
  char32_t code;
  std::uint16_t start;
  std::uint16_t length;
};

struct Composition {
  char32_t first, second, composed;
};

#include "unicode/class_tables.inc"

constexpr char32_t kLast = 0x10FFFF;
constexpr std::size_t kSize = (kLast + 1) / std::size(kClassBlockOf);
static_assert(std::size(kCompatiblePool) <= UINT16_MAX);

constexpr char32_t kLead = 0x1100, kVowel = 0x1161, kTail = 0x11A7, kSyllable = 0xAC00;
constexpr char32_t kLeads = 19, kVowels = 21, kTails = 28, kSyllables = kLeads * kVowels * kTails;

}  // namespace class_tables

std::uint32_t classes(char32_t code) {
  using namespace class_tables;
  if (code > kLast) return 0;
  return kClassBlocks[kClassBlockOf[code / kSize] * kSize + code % kSize];
}

std::span<const char32_t> compatible(char32_t code) {
  using namespace class_tables;
  const ClassMapping* found = std::ranges::lower_bound(kCompatibleForms, code, {}, &ClassMapping::code);
  if (found == std::end(kCompatibleForms) || found->code != code) return {};
  return {kCompatiblePool + found->start, found->length};
}

char32_t composed(char32_t first, char32_t second) {
  using namespace class_tables;
  // Hangul syllables compose by arithmetic (The Unicode Standard, section 3.12). Differences below 0 wrap around.
  if (first - kLead < kLeads && second - kVowel < kVowels) {
    return kSyllable + ((first - kLead) * kVowels + second - kVowel) * kTails;
  }
  const bool has_no_tail = first - kSyllable < kSyllables && (first - kSyllable) % kTails == 0;
  if (has_no_tail && second > kTail && second < kTail + kTails) return first + second - kTail;
  const auto key = [](const Composition& one) { return std::tuple(one.first, one.second); };
  const Composition* found = std::ranges::lower_bound(kCompositions, std::tuple(first, second), {}, key);
  const bool is_found = found != std::end(kCompositions) && found->first == first && found->second == second;
  return is_found ? found->composed : 0;
}

}  // namespace bert_runtime::unicode
