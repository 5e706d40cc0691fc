// next-sentence-prediction: whether one text follows another.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "bert_runtime/errors.h"
#include "bert_runtime/export.h"
#include "bert_runtime/tasks/head.h"

namespace bert_runtime {

/// A text, and the one that may follow it. A value that owns its texts.
struct NextSentencePredictionRequest {
  std::string text;
  std::string next_text;

  /// What is wrong with the request, a sentence for each problem.
  [[nodiscard]] BERT_RUNTIME_API std::vector<Problem> problems() const;
};

/// Whether `next_text` follows.
struct NextSentencePredictionResult {
  bool is_next = false;    ///< The score is at least one half.
  double score = 0;        ///< The probability that it follows, from 0 to 1.
  bool truncated = false;  ///< The end of a text was cut off: the two together are longer than the model reads.
};

/// The pair as one row.
struct NextSentencePredictionEncoded : Encoded {
  bool truncated = false;
};

/// The longer text loses its end where the two do not fit. Safe in threads.
class BERT_RUNTIME_API NextSentencePredictionHead : public HeadBase {
 public:
  using HeadBase::HeadBase;

  /// One row; the result owns its memory. Throws InputError: a text is not UTF-8.
  [[nodiscard]] NextSentencePredictionEncoded encode(const NextSentencePredictionRequest& request) const;

  /// The probability. Throws BackendError: logits of another shape, or not finite.
  [[nodiscard]] NextSentencePredictionResult decode(const NextSentencePredictionRequest& request,
                                                    const NextSentencePredictionEncoded& encoded,
                                                    std::span<const Outputs> outputs) const;
};

/// The task as a type; see HeadTask.
struct NextSentencePrediction {
  using Request = NextSentencePredictionRequest;
  using Encoded = NextSentencePredictionEncoded;
  using Result = NextSentencePredictionResult;
  using Head = NextSentencePredictionHead;
  [[nodiscard]] BERT_RUNTIME_API static const Task& task();
};

}  // namespace bert_runtime
