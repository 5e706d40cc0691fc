#include "bert_runtime/tasks/pretraining.h"

#include <utility>

#include "bert_runtime/errors.h"
#include "tasks/json_form.h"
#include "tasks/mask_tokens.h"
#include "tasks/next_sentence_prediction.h"
#include "tasks/request.h"
#include "tasks/scores.h"

namespace bert_runtime {

template <>
struct Fields<PretrainingRequest> {
  static constexpr auto list =
      std::tuple(required("text", &PretrainingRequest::text), field("next_text", &PretrainingRequest::next_text),
                 field("top_k", &PretrainingRequest::top_k));
};

template <>
struct Fields<PretrainingResult> {
  static constexpr auto list =
      std::tuple(field("masks", &PretrainingResult::masks), field("next_masks", &PretrainingResult::next_masks),
                 field("is_next", &PretrainingResult::is_next), field("score", &PretrainingResult::score),
                 field("truncated", &PretrainingResult::truncated));
};

std::vector<Problem> PretrainingRequest::problems() const {
  Problems problems = field_mistakes(*this);
  if (problems.empty()) note_top_k_problem(top_k, problems);
  return problems;
}

PretrainingHead::PretrainingHead(TextEncoder text, HeadSettings settings)
    : HeadBase(std::move(text), std::move(settings)) {
  require_mask_token(this->text());
}

PretrainingEncoded PretrainingHead::encode(const PretrainingRequest& request) const {
  raise_input_problems(request.problems());
  const Pieces first = text().pieces(request.text);
  PretrainingEncoded encoded;
  Problems problems;
  if (request.next_text) {
    const Pieces second = text().pieces(*request.next_text);
    std::tie(encoded.first, encoded.second) = text().truncate(first, second);
    encoded.truncated = first.size() + second.size() > text().room(true);
    note_lost_masks(text(), "text", first, encoded.first, problems);
    note_lost_masks(text(), "next_text", second, *encoded.second, problems);
  } else {
    encoded.first = text().truncate(first);
    encoded.truncated = first.size() > text().room();
    note_lost_masks(text(), "text", first, encoded.first, problems);
    if (mask_indices(text(), first.ids).empty())
      problems.push_back({"no-mask", "text", no_mask(text()) + ", or give a next_text"});
  }
  raise_input_problems(problems);
  const Row row = text().row(encoded.first, encoded.second ? &*encoded.second : nullptr);
  encoded.features = {Features::from_row(row, mask_indices(text(), row.ids))};
  return encoded;
}

PretrainingResult PretrainingHead::decode(const PretrainingRequest& request, const PretrainingEncoded& encoded,
                                          std::span<const Outputs> outputs) const {
  constexpr const char *kMasks = "prediction_logits", *kNext = "seq_relationship_logits";
  const auto logits = mask_logits(output(outputs[0], kMasks), encoded.features[0], kMasks);
  const std::span all(logits);
  const std::size_t split = mask_indices(text(), encoded.first.ids).size();
  PretrainingResult result;
  result.masks = fill(text(), encoded.first, all.first(split), {request.top_k});
  result.truncated = encoded.truncated;
  if (!encoded.second) return result;
  result.next_masks = fill(text(), *encoded.second, all.subspan(split), {request.top_k});
  result.score = next_score(output(outputs[0], kNext), kNext);
  result.is_next = *result.score >= 0.5;
  return result;
}

const Task& Pretraining::task() {
  static const Task& task = task_named("pretraining");
  return task;
}

template PretrainingRequest request_from_json<Pretraining>(const Json&);
template std::vector<RequestField> request_fields<Pretraining>();
template Json result_to_json<Pretraining>(const PretrainingResult&);

}  // namespace bert_runtime
