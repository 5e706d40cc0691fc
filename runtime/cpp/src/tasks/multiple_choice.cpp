#include "bert_runtime/tasks/multiple_choice.h"

#include <algorithm>

#include "bert_runtime/errors.h"
#include "tasks/json_form.h"
#include "tasks/request.h"
#include "tasks/scores.h"

namespace bert_runtime {

template <>
struct Fields<MultipleChoiceRequest> {
  static constexpr auto list = std::tuple(required("prompt", &MultipleChoiceRequest::prompt),
                                          required("choices", &MultipleChoiceRequest::choices));
};

template <>
struct Fields<MultipleChoiceResult> {
  static constexpr auto list =
      std::tuple(field("choice", &MultipleChoiceResult::choice), field("text", &MultipleChoiceResult::text),
                 field("scores", &MultipleChoiceResult::scores), field("truncated", &MultipleChoiceResult::truncated));
};

namespace {

/// Rows of unequal length as one Features of shape (choices, sequence), padded on the right.
Features stacked(const std::vector<Row>& rows, std::int64_t pad_id) {
  const std::size_t width = std::ranges::max(rows, {}, [](const Row& row) { return row.ids.size(); }).ids.size();
  Features features;
  features.choices = static_cast<std::int64_t>(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::size_t end = (i + 1) * width;
    features.ids.insert(features.ids.end(), rows[i].ids.begin(), rows[i].ids.end());
    features.type_ids.insert(features.type_ids.end(), rows[i].type_ids.begin(), rows[i].type_ids.end());
    features.mask.insert(features.mask.end(), rows[i].ids.size(), 1);
    features.ids.resize(end, pad_id);
    features.type_ids.resize(end, 0);
    features.mask.resize(end, 0);
  }
  return features;
}

}  // namespace

std::vector<Problem> MultipleChoiceRequest::problems() const {
  Problems problems = field_mistakes(*this);
  if (problems.empty() && choices.empty()) {
    problems.push_back(
        {"empty", "choices",
         "choices is empty, expected at least one text to choose from: give the choices as a list of strings"});
  }
  return problems;
}

MultipleChoiceEncoded MultipleChoiceHead::encode(const MultipleChoiceRequest& request) const {
  raise_input_problems(request.problems());
  const Pieces prompt = text().pieces(request.prompt);
  std::vector<Row> rows;
  std::int64_t longest = 0;
  for (const std::string& each : request.choices) {
    const Pieces choice = text().pieces(each);
    longest = std::max(longest, choice.size());
    const auto [kept, kept_choice] = text().truncate(prompt, choice);
    rows.push_back(text().row(kept, &kept_choice));
  }
  return {{{stacked(rows, text().pad_id())}}, prompt.size() + longest > text().room(true)};
}

MultipleChoiceResult MultipleChoiceHead::decode(const MultipleChoiceRequest& request,
                                                const MultipleChoiceEncoded& encoded,
                                                std::span<const Outputs> outputs) const {
  const FloatArray& logits = output(outputs[0], "logits");
  const auto count = static_cast<std::int64_t>(request.choices.size());
  if (logits.shape != Shape{count}) {
    throw BackendError("'logits' has the shape " + shape_text(logits.shape) + ", expected (" + std::to_string(count) +
                       " choices,); export the bundle again");
  }
  require_finite(logits.values, "logits");
  std::vector<double> scores = softmax(logits.values);
  const std::int64_t best = argmax<double>(scores);
  return {best, request.choices[static_cast<std::size_t>(best)], std::move(scores), encoded.truncated};
}

const Task& MultipleChoice::task() {
  static const Task& task = task_named("multiple-choice");
  return task;
}

template MultipleChoiceRequest request_from_json<MultipleChoice>(const Json&);
template std::vector<RequestField> request_fields<MultipleChoice>();
template Json result_to_json<MultipleChoice>(const MultipleChoiceResult&);

}  // namespace bert_runtime
