// The numbers of JSON text, read and written as Python does.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace bert_runtime {

/// Python reads and writes no integer of more digits.
constexpr std::size_t kMostDigits = 4300;

/// The double nearest to a number as JSON writes it, or nothing where that is infinite; too small a number is a zero.
[[nodiscard]] std::optional<double> read_double(std::string_view digits);

/// The shortest digits that read back as the same finite double.
[[nodiscard]] std::string write_double(double value);

}  // namespace bert_runtime
