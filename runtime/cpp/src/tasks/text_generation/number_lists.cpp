#include "tasks/text_generation/number_lists.h"

#include <charconv>
#include <limits>
#include <string>
#include <system_error>
#include <utility>

namespace bert_runtime {
namespace {

/// An integer that only 64 bits without a sign hold; see Json for those beyond 64 bits with one.
std::optional<std::uint64_t> beyond_int64(const Json& value) {
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  std::uint64_t number = 0;
  if (value.is_number_unsigned()) {
    number = value.get<std::uint64_t>();
  } else if (value.is_binary()) {
    const std::string digits(value.get_binary().begin(), value.get_binary().end());
    if (std::from_chars(digits.data(), digits.data() + digits.size(), number).ec != std::errc()) return std::nullopt;
  }
  return number > kMost ? std::optional(number) : std::nullopt;
}

/// Which types stand in a list: numpy takes the smallest that holds them all.
struct Kinds {
  bool boolean = false, int64 = false, uint64 = false, real = false, other = false;

  void add(const Json& value) {
    if (value.is_boolean()) {
      boolean = true;
    } else if (value.is_number_float()) {
      real = true;
    } else if (beyond_int64(value)) {
      uint64 = true;
    } else if (value.is_number()) {
      int64 = true;
    } else {
      other = true;
    }
  }

  /// Nothing that int64 does not hold.
  [[nodiscard]] bool are_integers() const { return int64 && !uint64 && !real; }

  /// float64 is also what numpy makes of integers of both kinds.
  [[nodiscard]] bool are_numbers() const { return !other && (real || int64); }
};

/// Collects what stands in the lists; false where they are of unequal lengths.
class ListReader {
 public:
  Shape shape;
  std::vector<const Json*> numbers;
  Kinds kinds;

  explicit ListReader(const Json& value) {
    for (const Json* level = &value; level->is_array(); level = &level->front()) {
      shape.push_back(static_cast<std::int64_t>(level->size()));
      if (level->empty()) return;
    }
  }

  bool read(const Json& value, std::size_t level = 0) {
    if (level == shape.size()) {
      if (value.is_array()) return false;
      numbers.push_back(&value);
      kinds.add(value);
      return true;
    }
    if (!value.is_array() || static_cast<std::int64_t>(value.size()) != shape[level]) return false;
    for (const Json& item : value) {
      if (!read(item, level + 1)) return false;
    }
    return true;
  }
};

double to_double(const Json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (const auto large = beyond_int64(value)) return static_cast<double>(*large);
  return value.get<double>();
}

std::int64_t as_integer(const Json& value) {
  return value.is_boolean() ? value.get<bool>() : value.get<std::int64_t>();
}

}  // namespace

std::vector<float> NumberList::floats() const {
  std::vector<float> found;
  found.reserve(numbers_.size());
  for (const Json* number : numbers_) {
    found.push_back(are_integers_ ? static_cast<float>(as_integer(*number)) : static_cast<float>(to_double(*number)));
  }
  return found;
}

std::vector<std::int64_t> NumberList::integers() const {
  std::vector<std::int64_t> found;
  found.reserve(numbers_.size());
  for (const Json* number : numbers_) found.push_back(as_integer(*number));
  return found;
}

std::optional<NumberList> number_list(const Json& value) {
  if (!value.is_array()) return std::nullopt;
  ListReader reader(value);
  if (!reader.read(value)) return std::nullopt;
  if (!reader.numbers.empty() && !reader.kinds.are_numbers()) return std::nullopt;
  return NumberList(std::move(reader.shape), std::move(reader.numbers), reader.kinds.are_integers());
}

}  // namespace bert_runtime
