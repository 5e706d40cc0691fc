#include "bert_runtime/tensor.h"

#include <utility>

#include "bert_runtime/errors.h"

namespace bert_runtime {

std::int64_t element_count(const Shape& shape) {
  std::int64_t count = 1;
  bool is_empty = false;
  for (const std::int64_t size : shape) {
    is_empty = is_empty || size == 0;
    if (size < 0 || (size > 0 && __builtin_mul_overflow(count, size, &count))) {
      throw InputError("a tensor has an axis of " + std::to_string(size) + ", expected sizes that memory can hold");
    }
  }
  return is_empty ? 0 : count;
}

FloatArray FloatArray::owning(Shape shape, std::vector<float> values) {
  const auto kept = std::make_shared<const std::vector<float>>(std::move(values));
  return {std::move(shape), *kept, kept};
}

FloatArray FloatArray::operator[](std::int64_t i) const {
  const Shape rest(shape.begin() + 1, shape.end());
  const auto size = static_cast<std::size_t>(element_count(rest));
  return {rest, values.subspan(static_cast<std::size_t>(i) * size, size), owner};
}

}  // namespace bert_runtime
