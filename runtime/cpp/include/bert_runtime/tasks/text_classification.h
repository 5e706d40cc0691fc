// Text classification: one label, several labels or a value for a text or a pair of texts.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "bert_runtime/errors.h"
#include "bert_runtime/export.h"
#include "bert_runtime/tasks/head.h"

namespace bert_runtime {

/// A text, or a pair of texts, to classify; what does not fit the model is cut. A value that owns its texts.
struct TextClassificationRequest {
  std::string text;                                     ///< An empty text has an answer, from its special tokens.
  std::optional<std::string> text_pair = std::nullopt;  ///< An empty one counts as none.
  std::optional<std::int64_t> top_k = std::nullopt;  ///< At most so many labels, best first; nothing for all of them.
  /// The least probability of a label that a multi-label model answers; that of a raw logit is its sigmoid.
  double threshold = 0.5;
  /// What makes scores of the logits: none, sigmoid or softmax; nothing: what the bundle says.
  std::optional<std::string> activation = std::nullopt;

  /// What is wrong with the request, a sentence for each problem.
  [[nodiscard]] BERT_RUNTIME_API std::vector<Problem> problems() const;
};

/// A label and what the activation makes of its logit: a probability in 0..1, but of the activation `none`.
struct LabelScore {
  std::string label;
  double score = 0;
};

/// A label and the value that a regression gives it: the logit, where the activation is `none`.
struct LabelValue {
  std::string label;
  double value = 0;
};

/// Labels that exclude each other, best first: `labels[0]` is the answer. By default scores are a softmax over all. A
/// cross-encoder has one label, whose score is the answer.
struct SingleLabelResult {
  std::vector<LabelScore> labels;
  bool truncated = false;  ///< The text was longer than the model, and its end was not read.
};

/// Labels that reach the threshold, best first (perhaps none), and the score of every label, best first: by default the
/// sigmoid of its logit.
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

struct ScoredText;

/// Softmax, sigmoid or the logits themselves, by activation; labels or values, by problem type. Safe in threads.
class BERT_RUNTIME_API TextClassificationHead : public HeadBase {
 public:
  /// Throws BundleError where labels, problem type or activation are missing or do not fit each other.
  TextClassificationHead(TextEncoder text, HeadSettings settings);

  /// One row; texts that do not fit are cut. The result owns its memory. Throws InputError: a text is not UTF-8, or the
  /// request's activation means nothing for so few labels.
  [[nodiscard]] TextClassificationEncoded encode(const TextClassificationRequest& request) const;

  /// The result of the bundle's problem type; it owns its memory.
  /// Throws BackendError: logits that are not finite, or not one for each label.
  [[nodiscard]] TextClassificationResult decode(const TextClassificationRequest& request,
                                                const TextClassificationEncoded& encoded,
                                                std::span<const Outputs> outputs) const;

 private:
  std::string activation_;
  TextClassificationResult (*answer_)(const ScoredText&);
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
