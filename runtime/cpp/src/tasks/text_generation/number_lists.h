// Lists of numbers in JSON as an array, with the types that numpy finds in them.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "bert_runtime/tensor.h"
#include "json_text.h"

namespace bert_runtime {

/// Nested lists of equal lengths with numbers in them. Points into the JSON value.
class NumberList {
 public:
  NumberList(Shape shape, std::vector<const Json*> numbers, bool are_integers)
      : shape_(std::move(shape)), numbers_(std::move(numbers)), are_integers_(are_integers) {}

  /// The length of each level of lists.
  [[nodiscard]] const Shape& shape() const { return shape_; }

  /// Whether every number is an integer that 64 bits hold; so is a list without any number.
  [[nodiscard]] bool are_integers() const { return are_integers_ || numbers_.empty(); }

  /// In float32, rounded as numpy does: once from integers, twice where a number among them has a point. Infinite
  /// where float32 cannot hold it.
  [[nodiscard]] std::vector<float> floats() const;

  /// Where they are integers.
  [[nodiscard]] std::vector<std::int64_t> integers() const;

 private:
  Shape shape_;
  std::vector<const Json*> numbers_;
  bool are_integers_;
};

/// `value` as such a list; nothing where it is none: no list, lists of unequal lengths, strings, nulls, objects,
/// booleans alone (among numbers numpy takes them for 0 and 1), and integers beyond 64 bits.
[[nodiscard]] std::optional<NumberList> number_list(const Json& value);

}  // namespace bert_runtime
