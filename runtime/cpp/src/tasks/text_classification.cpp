#include "bert_runtime/tasks/text_classification.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>
#include <utility>

#include "bert_runtime/errors.h"
#include "in_json.h"
#include "tasks/activation.h"
#include "tasks/json_form.h"
#include "tasks/labels.h"
#include "tasks/request.h"
#include "tasks/scores.h"

namespace bert_runtime {

template <>
struct Fields<TextClassificationRequest> {
  static constexpr auto list = std::tuple(
      required("text", &TextClassificationRequest::text), field("text_pair", &TextClassificationRequest::text_pair),
      field("top_k", &TextClassificationRequest::top_k), field("threshold", &TextClassificationRequest::threshold),
      field("activation", &TextClassificationRequest::activation));
};

template <>
struct Fields<LabelScore> {
  static constexpr auto list = std::tuple(field("label", &LabelScore::label), field("score", &LabelScore::score));
};

template <>
struct Fields<LabelValue> {
  static constexpr auto list = std::tuple(field("label", &LabelValue::label), field("value", &LabelValue::value));
};

template <>
struct Fields<SingleLabelResult> {
  static constexpr auto list =
      std::tuple(field("labels", &SingleLabelResult::labels), field("truncated", &SingleLabelResult::truncated));
};

template <>
struct Fields<MultiLabelResult> {
  static constexpr auto list =
      std::tuple(field("labels", &MultiLabelResult::labels), field("scores", &MultiLabelResult::scores),
                 field("truncated", &MultiLabelResult::truncated));
};

template <>
struct Fields<RegressionResult> {
  static constexpr auto list =
      std::tuple(field("values", &RegressionResult::values), field("truncated", &RegressionResult::truncated));
};

/// The logits of a text, (labels,), with all that makes an answer of them.
struct ScoredText {
  const TextClassificationRequest& request;
  std::span<const float> logits;
  const Activation& activation;
  const std::vector<std::string>& labels;
  bool truncated;

  /// The labels with a probability of `least` or more, best first; equal scores keep the order of the labels.
  [[nodiscard]] std::vector<LabelScore> ranked(double least = -std::numeric_limits<double>::infinity()) const {
    const std::vector<double> scores = activation.scores(logits), probabilities = activation.probabilities(logits);
    std::vector<LabelScore> best;
    for (const std::int64_t place : top<double>(scores, static_cast<std::int64_t>(scores.size()))) {
      const auto i = static_cast<std::size_t>(place);
      if (probabilities[i] >= least) best.push_back({labels[i], scores[i]});
    }
    return best;
  }
};

namespace {

constexpr const char* kTextClassification = "text-classification";

void keep_best(std::vector<LabelScore>& labels, const std::optional<std::int64_t>& count) {
  if (count && *count < static_cast<std::int64_t>(labels.size())) labels.resize(static_cast<std::size_t>(*count));
}

/// The labels with the highest scores.
TextClassificationResult single_label(const ScoredText& scored) {
  std::vector<LabelScore> best = scored.ranked();
  keep_best(best, scored.request.top_k);
  return SingleLabelResult{std::move(best), scored.truncated};
}

/// The labels whose probability reaches the threshold.
TextClassificationResult multi_label(const ScoredText& scored) {
  std::vector<LabelScore> reached = scored.ranked(scored.request.threshold);
  keep_best(reached, scored.request.top_k);
  return MultiLabelResult{std::move(reached), scored.ranked(), scored.truncated};
}

/// The scores in the order of the labels.
TextClassificationResult regression(const ScoredText& scored) {
  RegressionResult result{{}, scored.truncated};
  const std::vector<double> scores = scored.activation.scores(scored.logits);
  for (std::size_t i = 0; i < scores.size(); ++i) result.values.push_back({scored.labels[i], scores[i]});
  return result;
}

/// The form of a problem type's answer.
struct ProblemType {
  std::string_view name;
  TextClassificationResult (*answer)(const ScoredText&);
};

constexpr std::array<ProblemType, 3> kProblemTypes = {{
    {"single_label_classification", single_label},
    {"multi_label_classification", multi_label},
    {"regression", regression},
}};

std::string shown(const std::optional<std::string>& name) { return name ? in_json(*name) : "missing"; }

const ProblemType& problem_type(const std::optional<std::string>& name) {
  const auto* found = std::ranges::find_if(kProblemTypes, [&](const ProblemType& type) { return name == type.name; });
  if (found != kProblemTypes.end()) return *found;
  throw BundleError(
      Problem("wrong-value", "settings.problem_type",
              std::string(kTextClassification) + ": problem_type is " + shown(name) +
                  ", expected one of single_label_classification, multi_label_classification, regression; export the "
                  "bundle again"));
}

/// The activation of the settings, once it is known to mean something.
std::string activation_name(const HeadSettings& settings) {
  const std::optional<std::string> name = activation_of(settings);
  if (!name || !find_activation(*name)) {
    throw BundleError(Problem("wrong-value", "settings.activation",
                              std::string(kTextClassification) + ": activation is " + shown(name) +
                                  ", expected one of none, sigmoid, softmax; export the bundle again"));
  }
  if (const auto reason = misfit(*name, settings.labels.size())) {
    throw BundleError(Problem("contradiction", "settings.activation",
                              std::string(kTextClassification) + ": activation: " + *reason +
                                  "; export with the activation sigmoid or none"));
  }
  return *name;
}

}  // namespace

std::vector<Problem> TextClassificationRequest::problems() const {
  Problems problems = field_mistakes(*this);
  if (!problems.empty()) return problems;
  if (top_k && *top_k < 1) {
    problems.push_back({"out-of-range", "top_k",
                        "top_k is " + std::to_string(*top_k) + ", expected 1 or more, or none for all labels"});
  }
  if (!(0 <= threshold && threshold <= 1)) {
    problems.push_back(
        {"out-of-range", "threshold", "threshold is " + in_json(threshold) + ", expected a score in 0..1"});
  }
  if (activation && !find_activation(*activation)) {
    problems.push_back(
        {"not-a-choice", "activation",
         "activation is " + in_json(*activation) + ", expected one of none, sigmoid, softmax, or none given"});
  }
  return problems;
}

TextClassificationHead::TextClassificationHead(TextEncoder text, HeadSettings settings)
    : HeadBase(std::move(text), std::move(settings)) {
  require_labels(kTextClassification, this->settings());
  answer_ = problem_type(this->settings().problem_type).answer;
  activation_ = activation_name(this->settings());
}

TextClassificationEncoded TextClassificationHead::encode(const TextClassificationRequest& request) const {
  raise_input_problems(request.problems());
  if (const auto reason = misfit(request.activation.value_or(activation_), settings().labels.size())) {
    raise_input_problems({{"contradiction", "activation", "activation: " + *reason + "; give none or sigmoid"}});
  }
  const Pieces first = text().pieces(request.text);
  if (!request.text_pair || request.text_pair->empty()) {
    const Row row = text().row(text().truncate(first));
    return {{{Features::from_row(row)}}, first.size() > text().room()};
  }
  const Pieces second = text().pieces(*request.text_pair);
  const auto [kept, kept_second] = text().truncate(first, second);
  const Row row = text().row(kept, &kept_second);
  return {{{Features::from_row(row)}}, first.size() + second.size() > text().room(true)};
}

TextClassificationResult TextClassificationHead::decode(const TextClassificationRequest& request,
                                                        const TextClassificationEncoded& encoded,
                                                        std::span<const Outputs> outputs) const {
  const FloatArray& logits = labelled_logits(outputs[0], settings().labels);
  const Activation& activation = *find_activation(request.activation.value_or(activation_));
  return answer_({request, logits.values, activation, settings().labels, encoded.truncated});
}

const Task& TextClassification::task() {
  static const Task& task = task_named(kTextClassification);
  return task;
}

template TextClassificationRequest request_from_json<TextClassification>(const Json&);
template std::vector<RequestField> request_fields<TextClassification>();
template Json result_to_json<TextClassification>(const TextClassificationResult&);

}  // namespace bert_runtime
