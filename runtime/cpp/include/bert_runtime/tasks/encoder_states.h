// What an encoder says of a text: the values that a decoder with cross-attention reads.
#pragma once

#include <cstdint>
#include <vector>

#include "bert_runtime/export.h"
#include "bert_runtime/tensor.h"

namespace bert_runtime {

/// The last hidden states of one text. A value: copies share the hidden states, which nobody may change meanwhile.
class BERT_RUNTIME_API EncoderStates {
 public:
  /// `hidden`: (source, hidden), one row for each of the text's tokens. `mask`: 1 for a token, 0 for padding, which is
  /// not read.
  ///
  /// Throws InputError: everything that is wrong with either.
  EncoderStates(FloatArray hidden, std::vector<std::int64_t> mask);

  /// States without padding among them. Throws InputError.
  [[nodiscard]] static EncoderStates whole(FloatArray hidden);

  [[nodiscard]] const FloatArray& hidden() const { return hidden_; }
  [[nodiscard]] const std::vector<std::int64_t>& mask() const { return mask_; }

  /// How many tokens the text has, padding included.
  [[nodiscard]] std::int64_t tokens() const { return hidden_.shape[0]; }

  /// How many numbers the encoder says of a token.
  [[nodiscard]] std::int64_t width() const { return hidden_.shape[1]; }

 private:
  struct Checked {};
  EncoderStates(Checked, FloatArray hidden, std::vector<std::int64_t> mask);

  FloatArray hidden_;
  std::vector<std::int64_t> mask_;
};

}  // namespace bert_runtime
