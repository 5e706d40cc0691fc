// What an encoder says of a text: the values that a decoder with cross-attention reads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bert_runtime/errors.h"
#include "bert_runtime/export.h"
#include "bert_runtime/tensor.h"

namespace bert_runtime {

/// The last hidden states of one text. A value: copies share the hidden states, which nobody may change meanwhile. Like
/// a request, it is checked when it is its turn.
class BERT_RUNTIME_API EncoderStates {
 public:
  /// `hidden`: (source, hidden), one row for each of the text's tokens. `mask`: 1 for a token, 0 for padding, which is
  /// not read.
  EncoderStates(FloatArray hidden, std::vector<std::int64_t> mask);

  /// States without padding among them.
  [[nodiscard]] static EncoderStates whole(FloatArray hidden);

  /// Everything that is wrong with either, a sentence for each problem.
  [[nodiscard]] std::vector<Problem> problems() const;

  [[nodiscard]] const FloatArray& hidden() const { return hidden_; }
  [[nodiscard]] const std::vector<std::int64_t>& mask() const { return mask_; }

  /// How many tokens the text has, padding included; 0 where the shape has no such axis.
  [[nodiscard]] std::int64_t tokens() const { return hidden_.shape.empty() ? 0 : hidden_.shape[0]; }

  /// How many numbers the encoder says of a token; 0 where the shape has no such axis.
  [[nodiscard]] std::int64_t width() const { return hidden_.shape.size() < 2 ? 0 : hidden_.shape[1]; }

 private:
  FloatArray hidden_;
  std::vector<std::int64_t> mask_;
  bool is_whole_ = false;  ///< Whether the mask was made here: it has no faults of its own.
};

}  // namespace bert_runtime
