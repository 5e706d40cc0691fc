#include "bert_runtime/utf8.h"

#include <cstring>

#include "unicode.h"

namespace bert_runtime {
namespace {

constexpr std::uint64_t kHighBits = 0x8080808080808080;

bool is_continuation(unsigned char byte) { return (byte & 0xC0) == 0x80; }

/// The length of the well-formed sequence at `at`, or 0 (The Unicode Standard, table 3-7).
std::size_t sequence_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : static_cast<unsigned char>(0);
  };
  const unsigned char first = byte(0), second = byte(1);
  if (first < 0x80) return 1;
  if (!is_continuation(second)) return 0;
  if (first >= 0xC2 && first <= 0xDF) return 2;
  if (!is_continuation(byte(2))) return 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool overlong = first == 0xE0 && second < 0xA0;
    const bool surrogate = first == 0xED && second > 0x9F;
    return overlong || surrogate ? 0 : 3;
  }
  if (!is_continuation(byte(3)) || first < 0xF0 || first > 0xF4) return 0;
  const bool overlong = first == 0xF0 && second < 0x90;
  const bool beyond = first == 0xF4 && second > 0x8F;
  return overlong || beyond ? 0 : 4;
}

bool is_surrogate(std::string_view rest) {
  return rest.size() >= 3 && rest[0] == '\xED' && static_cast<unsigned char>(rest[1]) >= 0xA0 &&
         is_continuation(static_cast<unsigned char>(rest[1])) && is_continuation(static_cast<unsigned char>(rest[2]));
}

}  // namespace

std::size_t first_broken_utf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    std::uint64_t word = kHighBits;
    if (at + sizeof word <= text.size()) std::memcpy(&word, text.data() + at, sizeof word);
    if ((word & kHighBits) == 0) {
      at += sizeof word;
      continue;
    }
    const std::size_t length = sequence_length(text, at);
    if (length == 0) break;
    at += length;
  }
  return at;
}

std::optional<std::string> utf8_problem(std::string_view name, std::string_view text) {
  const std::size_t broken = first_broken_utf8(text);
  if (broken == text.size()) return std::nullopt;
  if (is_surrogate(text.substr(broken))) {
    return std::string(name) + " has a lone surrogate at character " +
           std::to_string(count_code_points(text.substr(0, broken))) + ", expected text that UTF-8 can write";
  }
  return std::string(name) + " is no UTF-8 at byte " + std::to_string(broken) + ", expected text that UTF-8 can write";
}

std::int64_t count_code_points(std::string_view text) {
  std::int64_t count = 0;
  for (const char byte : text) count += !is_continuation(static_cast<unsigned char>(byte));
  return count;
}

std::string_view code_points(std::string_view text, Span characters) {
  std::int64_t passed = 0;
  std::size_t begin = text.size(), end = text.size();
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (is_continuation(static_cast<unsigned char>(text[at]))) continue;
    if (passed == characters.begin || (passed == 0 && characters.begin < 0)) begin = at;
    if (passed >= characters.end) {
      end = at;
      break;
    }
    ++passed;
  }
  return begin >= end ? std::string_view() : text.substr(begin, end - begin);
}

}  // namespace bert_runtime
