#include "bert_runtime/tasks/text_classification.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "bert_runtime/errors.h"
#include "python_repr.h"
#include "tasks/json_form.h"
#include "tasks/labels.h"
#include "tasks/request.h"
#include "tasks/scores.h"

namespace bert_runtime {

template <>
struct Fields<TextClassificationRequest> {
  static constexpr auto list = std::tuple(
      required("text", &TextClassificationRequest::text), field("text_pair", &TextClassificationRequest::text_pair),
      field("top_k", &TextClassificationRequest::top_k), field("threshold", &TextClassificationRequest::threshold));
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

namespace {

constexpr const char* kTextClassification = "text-classification";
using Labels = std::vector<std::string>;
using Request = TextClassificationRequest;

std::vector<LabelScore> ranked(std::span<const double> scores, const Labels& labels) {
  std::vector<LabelScore> best;
  for (const std::int64_t i : top(scores, static_cast<std::int64_t>(scores.size()))) {
    best.push_back({labels[static_cast<std::size_t>(i)], scores[static_cast<std::size_t>(i)]});
  }
  return best;
}

void keep_best(std::vector<LabelScore>& labels, const std::optional<std::int64_t>& count) {
  if (count && *count < static_cast<std::int64_t>(labels.size())) labels.resize(static_cast<std::size_t>(*count));
}

/// The best labels by softmax.
TextClassificationResult single_label(const Request& request, std::span<const float> logits, const Labels& labels,
                                      bool truncated) {
  std::vector<LabelScore> best = ranked(softmax(logits), labels);
  keep_best(best, request.top_k);
  return SingleLabelResult{std::move(best), truncated};
}

/// The labels whose sigmoid reaches the threshold.
TextClassificationResult multi_label(const Request& request, std::span<const float> logits, const Labels& labels,
                                     bool truncated) {
  const std::vector<LabelScore> scores = ranked(sigmoid(logits), labels);
  std::vector<LabelScore> reached;
  std::ranges::copy_if(scores, std::back_inserter(reached),
                       [&](const LabelScore& label) { return label.score >= request.threshold; });
  keep_best(reached, request.top_k);
  return MultiLabelResult{std::move(reached), scores, truncated};
}

/// The logits themselves.
TextClassificationResult regression(const Request&, std::span<const float> logits, const Labels& labels,
                                    bool truncated) {
  RegressionResult result{{}, truncated};
  for (std::size_t i = 0; i < labels.size(); ++i) result.values.push_back({labels[i], logits[i]});
  return result;
}

/// How a problem type reads its logits, and how many labels it needs to mean anything.
struct ProblemType {
  std::string_view name;
  TextClassificationResult (*answer)(const Request&, std::span<const float>, const Labels&, bool);
  std::size_t least_labels;
};

constexpr std::array<ProblemType, 3> kProblemTypes = {{
    // A softmax over one logit is always 1: such a model says nothing unless its logit is read in another way.
    {"single_label_classification", single_label, 2},
    {"multi_label_classification", multi_label, 1},
    {"regression", regression, 1},
}};

const ProblemType& problem_type(const std::optional<std::string>& name, std::size_t labels) {
  const auto* found = std::ranges::find_if(kProblemTypes, [&](const ProblemType& type) { return name == type.name; });
  if (found == kProblemTypes.end()) {
    const std::string got = name ? repr(std::string_view(*name)) : "None";
    throw BundleError(std::string(kTextClassification) + ": problem_type is " + got +
                      ", expected one of single_label_classification, multi_label_classification, regression; export "
                      "the bundle again");
  }
  if (labels < found->least_labels) {
    throw BundleError(std::string(kTextClassification) + ": " + std::string(found->name) + " with " +
                      std::to_string(labels) + " label, expected at least " + std::to_string(found->least_labels) +
                      "; export with the problem_type regression (raw value) or multi_label_classification (sigmoid "
                      "score)");
  }
  return *found;
}

}  // namespace

std::vector<std::string> TextClassificationRequest::problems() const {
  Problems problems = field_mistakes(*this);
  if (!problems.empty()) return problems;
  if (top_k && *top_k < 1) {
    problems.push_back("top_k is " + std::to_string(*top_k) + ", expected 1 or more, or none for all labels");
  }
  if (!(0 <= threshold && threshold <= 1)) {
    problems.push_back("threshold is " + repr(threshold) + ", expected a score in 0..1");
  }
  return problems;
}

TextClassificationHead::TextClassificationHead(TextEncoder text, HeadSettings settings)
    : HeadBase(std::move(text), std::move(settings)) {
  require_labels(kTextClassification, this->settings());
  answer_ = problem_type(this->settings().problem_type, this->settings().labels.size()).answer;
}

TextClassificationEncoded TextClassificationHead::encode(const TextClassificationRequest& request) const {
  raise_input_problems(request.problems());
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
  return answer_(request, logits.values, settings().labels, encoded.truncated);
}

const Task& TextClassification::task() {
  static const Task& task = task_named(kTextClassification);
  return task;
}

template TextClassificationRequest request_from_json<TextClassification>(const Json&);
template std::vector<RequestField> request_fields<TextClassification>();
template Json result_to_json<TextClassification>(const TextClassificationResult&);

}  // namespace bert_runtime
