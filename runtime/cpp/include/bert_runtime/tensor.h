// Tensors: what a graph declares, what it is fed, what it gives.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "bert_runtime/export.h"

namespace bert_runtime {

/// The size of each axis.
using Shape = std::vector<std::int64_t>;

/// How many values a tensor of this shape holds; every size is at least 0. Throws InputError when 64 bits cannot say.
[[nodiscard]] BERT_RUNTIME_API std::int64_t element_count(const Shape& shape);

/// A tensor of the graph: its name, its dtype (numpy's name), and the name of each axis.
///
/// Axis names mean the same everywhere: batch, choices, sequence, masks, past, total, sources (texts that an encoder
/// read, each shared by equally many rows of the batch) and source (tokens of such a text) change with the request;
/// labels, vocabulary, hidden, heads and size (of a head) belong to the checkpoint; classes are the two of the next
/// sentence head, 0 for "is next". A name that holds `{layer}` is a template: it stands for one tensor in each layer.
struct TensorSpec {
  std::string name;
  std::string dtype;
  std::vector<std::string> axes;

  /// Whether this is a template for one tensor in each layer.
  [[nodiscard]] bool is_per_layer() const { return name.find("{layer}") != std::string::npos; }

  friend bool operator==(const TensorSpec&, const TensorSpec&) = default;
};

/// A tensor that owns its values, row by row (C order): int64 or float32.
struct Tensor {
  Shape shape;
  std::variant<std::vector<std::int64_t>, std::vector<float>> values;
};

/// A named tensor that a graph reads where it lies; `values` belong to the caller and outlive the call.
struct Input {
  std::string name;
  Shape shape;
  std::variant<std::span<const std::int64_t>, std::span<const float>> values;
};

/// A named float32 tensor that a graph writes where it lies; `values` belong to the caller and outlive the call.
struct Output {
  std::string name;
  Shape shape;
  std::span<float> values;
};

/// float32 values and what keeps them alive: a cheap copy, immutable. Row by row (C order).
struct FloatArray {
  Shape shape;
  std::span<const float> values;
  std::shared_ptr<const void> owner;

  /// An array that keeps `values` alive itself; they are those of `shape`.
  [[nodiscard]] BERT_RUNTIME_API static FloatArray owning(Shape shape, std::vector<float> values);

  /// The slice at `i` of the first axis: shape[1:].
  [[nodiscard]] BERT_RUNTIME_API FloatArray operator[](std::int64_t i) const;
};

/// The graph's outputs of one row, cut to its own size: name -> array without the batch axis.
using Outputs = std::map<std::string, FloatArray, std::less<>>;

}  // namespace bert_runtime
