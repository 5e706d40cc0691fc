// A bundle of feature extraction as the encoder of a decoder: from texts to their states.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "bert_runtime/export.h"
#include "bert_runtime/features.h"
#include "bert_runtime/session.h"
#include "bert_runtime/tasks/encoder_states.h"

namespace bert_runtime {

/// What an encoder says of texts. A handle: copies share one model. Safe in threads; results own their memory.
class BERT_RUNTIME_API Encoder {
 public:
  /// Asks a session that was loaded with `load<FeatureExtraction>`.
  explicit Encoder(Session<FeatureExtraction> session);

  /// What the encoder says of a text.
  /// Throws InputError: the text is no UTF-8, or longer than the encoder reads; BackendError: the engine failed.
  [[nodiscard]] EncoderStates operator()(std::string_view text) const;

  /// The text as the encoder reads it. Throws InputError: it is no UTF-8, or longer than the encoder reads: what a
  /// decoder never saw would be left out unseen.
  [[nodiscard]] Features row(std::string_view text) const;

  /// The states of each row, read in batches of similar length. Throws BackendError: the engine failed.
  [[nodiscard]] std::vector<EncoderStates> states(std::span<const Features* const> rows) const;

  /// How many numbers it says of a token.
  [[nodiscard]] std::int64_t width() const;

 private:
  Session<FeatureExtraction> session_;
};

}  // namespace bert_runtime
