// From logits to scores: the functions that every head shares, in double precision inside. All are pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bert_runtime/tensor.h"

namespace bert_runtime {

/// The output with this name. Throws BackendError: the graph gave none.
[[nodiscard]] const FloatArray& output(const Outputs& outputs, std::string_view name);

/// A shape as Python writes a tuple: (3,) or (2, 4).
[[nodiscard]] std::string shape_text(const Shape& shape);

/// Throws BackendError where some logits are NaN or infinite: a NaN would rank like any other answer. `name` is the
/// graph's output, for the message.
void require_finite(std::span<const float> logits, std::string_view name);

/// The sum in numpy's order: pairwise over blocks of at most 128, each in eight interleaved parts, so that scores equal
/// Python's to the last bit wherever the exponentials do.
template <class Float>
[[nodiscard]] Float pairwise_sum(std::span<const Float> values);

/// Probabilities, shifted by the maximum so that no exponent overflows; at least one logit. Minus infinity gives 0.
template <class Float>
[[nodiscard]] std::vector<double> softmax(std::span<const Float> logits);

/// The logistic function, written with tanh so that large negative logits do not overflow.
[[nodiscard]] std::vector<double> sigmoid(std::span<const float> logits);

/// The indices of the `count` largest entries, best first; equal scores keep their order.
template <class Float>
[[nodiscard]] std::vector<std::int64_t> top(std::span<const Float> scores, std::int64_t count);

/// The index of the first of the largest entries; at least one entry.
template <class Float>
[[nodiscard]] std::int64_t argmax(std::span<const Float> scores);

extern template float pairwise_sum(std::span<const float>);
extern template double pairwise_sum(std::span<const double>);
extern template std::vector<double> softmax(std::span<const float>);
extern template std::vector<double> softmax(std::span<const double>);
extern template std::vector<std::int64_t> top(std::span<const float>, std::int64_t);
extern template std::vector<std::int64_t> top(std::span<const double>, std::int64_t);
extern template std::int64_t argmax(std::span<const float>);
extern template std::int64_t argmax(std::span<const double>);

}  // namespace bert_runtime
