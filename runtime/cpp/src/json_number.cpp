#include "json_number.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>

namespace bert_runtime {
namespace {

/// The exponent of a number as it is written, within a bound that no text in memory has the digits to make up for.
std::int64_t written_exponent(std::string_view exponent) {
  constexpr std::int64_t kBound = std::numeric_limits<std::int64_t>::max() / 2;
  const bool is_negative = exponent.front() == '-';
  if (is_negative || exponent.front() == '+') exponent.remove_prefix(1);
  std::int64_t value = 0;
  const auto error = std::from_chars(exponent.data(), exponent.data() + exponent.size(), value).ec;
  value = error == std::errc{} ? std::min(value, kBound) : kBound;
  return is_negative ? -value : value;
}

/// Whether a number, other than 0, is below 1.
bool is_small(std::string_view digits) {
  const auto mark = digits.find_first_of("eE");
  const std::string_view mantissa = digits.substr(0, mark);
  const auto point = std::min(mantissa.find('.'), mantissa.size());
  const auto first = mantissa.find_first_of("123456789");
  const auto magnitude = static_cast<std::int64_t>(point) - static_cast<std::int64_t>(first);
  return magnitude + (mark < digits.size() ? written_exponent(digits.substr(mark + 1)) : 0) <= 0;
}

}  // namespace

std::optional<double> read_double(std::string_view digits) {
  double value = 0;
  // Not strtod: it reads the decimal point of the process's locale.
  const auto error = std::from_chars(digits.data(), digits.data() + digits.size(), value).ec;
  if (error == std::errc{}) return std::isfinite(value) ? std::optional(value) : std::nullopt;
  if (!is_small(digits)) return std::nullopt;
  return digits.front() == '-' ? -0.0 : 0.0;
}

}  // namespace bert_runtime
