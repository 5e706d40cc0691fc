#include "pre_tokenizers/gpt2_pattern.h"

#include <array>

#include "unicode.h"
#include "unicode/classes.h"

namespace bert_runtime {
namespace {

enum class Sort : unsigned char { kLetter, kNumber, kSpace, kOther };

Sort sort_of_code(char32_t code) {
  const std::uint32_t found = unicode::classes(code);
  if (found & unicode::kLetter) return Sort::kLetter;
  if (found & unicode::kNumber) return Sort::kNumber;
  return unicode::flags(code) & unicode::kSpace ? Sort::kSpace : Sort::kOther;
}

constexpr std::array<Sort, 128> kAsciiSorts = [] {
  std::array<Sort, 128> made{};
  for (std::size_t code = 0; code < made.size(); ++code) {
    const bool is_letter = (code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z');
    const bool is_space = code == ' ' || (code >= '\t' && code <= '\r');
    made[code] = is_letter                    ? Sort::kLetter
                 : code >= '0' && code <= '9' ? Sort::kNumber
                 : is_space                   ? Sort::kSpace
                                              : Sort::kOther;
  }
  return made;
}();

struct Sorted {
  Sort sort;
  std::size_t length;
};

Sorted sorted_at(std::string_view text, std::size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte < kAsciiSorts.size()) return {kAsciiSorts[byte], 1};
  const unicode::Decoded next = unicode::decode(text, at);
  return {sort_of_code(next.code), next.length};
}

/// The length of one of the contractions 's, 't, 're, 've, 'm, 'll and 'd, or 0.
std::size_t contraction(std::string_view rest) {
  if (rest.size() < 2 || rest[0] != '\'') return 0;
  if (rest[1] == 's' || rest[1] == 't' || rest[1] == 'm' || rest[1] == 'd') return 2;
  const std::string_view two = rest.substr(1, 2);
  return two == "re" || two == "ve" || two == "ll" ? 3 : 0;
}

/// The end of a run of one sort.
std::size_t run_end(std::string_view text, std::size_t at, Sort sort) {
  while (at < text.size()) {
    const Sorted next = sorted_at(text, at);
    if (next.sort != sort) break;
    at += next.length;
  }
  return at;
}

/// Spaces, without the last one where something else follows and it is not the only one.
std::size_t spaces(std::string_view text, std::size_t at) {
  const std::size_t end = run_end(text, at, Sort::kSpace);
  if (end == text.size()) return end;
  const std::size_t last = end - unicode::decode_before(text, end).length;
  return last > at ? last : end;
}

}  // namespace

std::size_t gpt2_match(std::string_view text, std::size_t at) {
  if (const std::size_t length = contraction(text.substr(at, 3))) return at + length;
  const Sorted first = sorted_at(text, at);
  if (first.sort != Sort::kSpace) return run_end(text, at + first.length, first.sort);
  if (text[at] == ' ' && at + 1 < text.size()) {
    const Sorted next = sorted_at(text, at + 1);
    if (next.sort != Sort::kSpace) return run_end(text, at + 1 + next.length, next.sort);
  }
  return spaces(text, at);
}

}  // namespace bert_runtime
