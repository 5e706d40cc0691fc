#include "json_number.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <limits>
#include <string>

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

/// Digits and a decimal exponent as Python lays them out: plainly from 1e-4 to below 1e16.
std::string laid_out(const std::string& digits, int exponent) {
  const int count = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= 16) {
    const std::string power = std::to_string(std::abs(exponent));
    return digits.substr(0, 1) + (count > 1 ? "." + digits.substr(1) : "") + (exponent < 0 ? "e-" : "e+") +
           (power.size() < 2 ? "0" : "") + power;
  }
  if (exponent < 0) return "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  if (count <= exponent + 1) return digits + std::string(static_cast<std::size_t>(exponent + 1 - count), '0') + ".0";
  const auto point = static_cast<std::size_t>(exponent) + 1;
  return digits.substr(0, point) + "." + digits.substr(point);
}

}  // namespace

std::string write_double(double value) {
  char buffer[32];
  constexpr auto kFormat = std::chars_format::scientific;
  const auto end = std::to_chars(std::begin(buffer), std::end(buffer), std::abs(value), kFormat).ptr;
  const std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
  const auto mark = text.find('e');
  std::string digits(text.substr(0, 1));
  if (mark > 2) digits += text.substr(2, mark - 2);
  int exponent = 0;
  const std::string_view power = text.substr(text[mark + 1] == '+' ? mark + 2 : mark + 1);
  std::from_chars(power.data(), power.data() + power.size(), exponent);
  return (std::signbit(value) ? "-" : "") + laid_out(digits, exponent);
}

std::optional<double> read_double(std::string_view digits) {
  double value = 0;
  // Not strtod: it reads the decimal point of the process's locale.
  const auto error = std::from_chars(digits.data(), digits.data() + digits.size(), value).ec;
  if (error == std::errc{}) return std::isfinite(value) ? std::optional(value) : std::nullopt;
  if (!is_small(digits)) return std::nullopt;
  return digits.front() == '-' ? -0.0 : 0.0;
}

}  // namespace bert_runtime
