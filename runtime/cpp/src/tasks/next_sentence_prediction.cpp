#include "tasks/next_sentence_prediction.h"

#include "bert_runtime/errors.h"
#include "bert_runtime/tasks/next_sentence_prediction.h"
#include "in_json.h"
#include "tasks/json_form.h"
#include "tasks/request.h"
#include "tasks/scores.h"

namespace bert_runtime {

template <>
struct Fields<NextSentencePredictionRequest> {
  static constexpr auto list = std::tuple(required("text", &NextSentencePredictionRequest::text),
                                          required("next_text", &NextSentencePredictionRequest::next_text));
};

template <>
struct Fields<NextSentencePredictionResult> {
  static constexpr auto list = std::tuple(field("is_next", &NextSentencePredictionResult::is_next),
                                          field("score", &NextSentencePredictionResult::score),
                                          field("truncated", &NextSentencePredictionResult::truncated));
};

double next_score(const FloatArray& logits, std::string_view name) {
  if (logits.shape != Shape{2}) {
    throw BackendError(in_json(name) + " has the shape " + shape_text(logits.shape) +
                       ", expected (2 classes,); export the bundle again");
  }
  require_finite(logits.values, name);
  return softmax(logits.values)[0];
}

std::vector<Problem> NextSentencePredictionRequest::problems() const { return field_mistakes(*this); }

NextSentencePredictionEncoded NextSentencePredictionHead::encode(const NextSentencePredictionRequest& request) const {
  raise_input_problems(request.problems());
  const Pieces first = text().pieces(request.text), second = text().pieces(request.next_text);
  const auto [kept, kept_second] = text().truncate(first, second);
  const bool truncated = first.size() + second.size() > text().room(true);
  return {{{Features::from_row(text().row(kept, &kept_second))}}, truncated};
}

NextSentencePredictionResult NextSentencePredictionHead::decode(const NextSentencePredictionRequest&,
                                                                const NextSentencePredictionEncoded& encoded,
                                                                std::span<const Outputs> outputs) const {
  const double score = next_score(output(outputs[0], "logits"), "logits");
  return {score >= 0.5, score, encoded.truncated};
}

const Task& NextSentencePrediction::task() {
  static const Task& task = task_named("next-sentence-prediction");
  return task;
}

template NextSentencePredictionRequest request_from_json<NextSentencePrediction>(const Json&);
template std::vector<RequestField> request_fields<NextSentencePrediction>();
template Json result_to_json<NextSentencePrediction>(const NextSentencePredictionResult&);

}  // namespace bert_runtime
