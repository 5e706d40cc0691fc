// Text classification: one label, several labels or a value for a text or a pair of texts.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "bert_runtime/export.h"
#include "bert_runtime/tasks/head.h"

namespace bert_runtime {

/// A text, or a pair of texts, to classify; what does not fit the model is cut. A value that owns its texts.
struct TextClassificationRequest {
  std::string text;                                    ///< An empty text has an answer, from its special tokens.
  std::optional<std::string> text_pair = std::nullopt; ///< An empty one counts as none.
  std::optional<std::int64_t> top_k = std::nullopt;    ///< At most so many labels, best first; nothing for all of them.
  double threshold = 0.5;                              ///< The least score of a label that a multi-label model answers.

  /// What is wrong with the request, a sentence for each problem.
  [[nodiscard]] BERT_RUNTIME_API std::vector<std::string> problems() const;
};

/// A label and its probability in 0..1.
struct LabelScore {
  std::string label;
  double score = 0;
};

/// A label and the raw value that a regression gives it.
struct LabelValue {
  std::string label;
  double value = 0;
};

/// Labels that exclude each other, best first: `labels[0]` is the answer. Scores are a softmax over all labels.
struct SingleLabelResult {
  std::vector<LabelScore> labels;
  bool truncated = false;  ///< The text was longer than the model, and its end was not read.
};

/// Labels that reach the threshold, best first (perhaps none), and the sigmoid score of every label, best first.
struct MultiLabelResult {
  std::vector<LabelScore> labels;
  std::vector<LabelScore> scores;
  bool truncated = false;  ///< The text was longer than the model, and its end was not read.
};

/// The values that the model gives, in the order of its labels.
struct RegressionResult {
  std::vector<LabelValue> values;
  bool truncated = false;  ///< The text was longer than the model, and its end was not read.
};

/// Which of them is the bundle's problem type's.
using TextClassificationResult = std::variant<SingleLabelResult, MultiLabelResult, RegressionResult>;

/// A text as one row, and whether it had to be cut.
struct TextClassificationEncoded : Encoded {
  bool truncated = false;
};

/// Softmax, sigmoid or the values themselves, by problem type. Safe in threads.
class BERT_RUNTIME_API TextClassificationHead : public HeadBase {
 public:
  /// Throws BundleError where labels or the problem type are missing or do not fit each other.
  TextClassificationHead(TextEncoder text, HeadSettings settings);

  /// One row; texts that do not fit are cut. The result owns its memory. Throws InputError: a text is not UTF-8.
  [[nodiscard]] TextClassificationEncoded encode(const TextClassificationRequest& request) const;

  /// The result of the bundle's problem type; it owns its memory.
  /// Throws BackendError: logits that are not finite, or not one for each label.
  [[nodiscard]] TextClassificationResult decode(const TextClassificationRequest& request,
                                                const TextClassificationEncoded& encoded,
                                                std::span<const Outputs> outputs) const;

 private:
  using Answer = TextClassificationResult (*)(const TextClassificationRequest&, std::span<const float>,
                                              const std::vector<std::string>&, bool);
  Answer answer_;
};

/// The task as a type; see HeadTask.
struct TextClassification {
  using Request = TextClassificationRequest;
  using Encoded = TextClassificationEncoded;
  using Result = TextClassificationResult;
  using Head = TextClassificationHead;
  [[nodiscard]] BERT_RUNTIME_API static const Task& task();
};

}  // namespace bert_runtime
