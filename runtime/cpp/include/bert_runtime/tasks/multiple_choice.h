// multiple-choice: which of several texts goes best with a prompt.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bert_runtime/errors.h"
#include "bert_runtime/export.h"
#include "bert_runtime/tasks/head.h"

namespace bert_runtime {

/// A prompt, such as a question or a half-told story, and one choice or more. A value that owns its texts.
struct MultipleChoiceRequest {
  std::string prompt;
  std::vector<std::string> choices;

  /// What is wrong with the request, a sentence for each problem.
  [[nodiscard]] BERT_RUNTIME_API std::vector<Problem> problems() const;
};

/// The best choice.
struct MultipleChoiceResult {
  std::int64_t choice = 0;     ///< Its index in the request's `choices`.
  std::string text;            ///< The choice itself.
  std::vector<double> scores;  ///< The probability of each choice among all, in the order of the request.
  bool truncated = false;      ///< The end of the prompt or of a choice was cut off.
};

/// One row for each choice, in one Features of shape (choices, sequence).
struct MultipleChoiceEncoded : Encoded {
  bool truncated = false;
};

/// Reads (prompt, choice) as a pair; the longer of the two loses its end where they do not fit. Safe in threads.
class BERT_RUNTIME_API MultipleChoiceHead : public HeadBase {
 public:
  using HeadBase::HeadBase;

  /// All choices as one row of the batch; the result owns its memory.
  /// Throws InputError: no choices, or a text that is not UTF-8.
  [[nodiscard]] MultipleChoiceEncoded encode(const MultipleChoiceRequest& request) const;

  /// The best choice; the result owns its memory. Throws BackendError: logits of another shape, or not finite.
  [[nodiscard]] MultipleChoiceResult decode(const MultipleChoiceRequest& request, const MultipleChoiceEncoded& encoded,
                                            std::span<const Outputs> outputs) const;
};

/// The task as a type; see HeadTask.
struct MultipleChoice {
  using Request = MultipleChoiceRequest;
  using Encoded = MultipleChoiceEncoded;
  using Result = MultipleChoiceResult;
  using Head = MultipleChoiceHead;
  [[nodiscard]] BERT_RUNTIME_API static const Task& task();
};

}  // namespace bert_runtime
