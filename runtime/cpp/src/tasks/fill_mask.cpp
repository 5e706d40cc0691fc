#include "bert_runtime/tasks/fill_mask.h"

#include <algorithm>
#include <utility>

#include "bert_runtime/errors.h"
#include "in_json.h"
#include "tasks/json_form.h"
#include "tasks/mask_tokens.h"
#include "tasks/request.h"
#include "tasks/scores.h"

namespace bert_runtime {

template <>
struct Fields<FillMaskRequest> {
  static constexpr auto list =
      std::tuple(required("text", &FillMaskRequest::text), field("top_k", &FillMaskRequest::top_k),
                 field("targets", &FillMaskRequest::targets));
};

template <>
struct Fields<FillMaskResult> {
  static constexpr auto list =
      std::tuple(field("masks", &FillMaskResult::masks), field("truncated", &FillMaskResult::truncated));
};

namespace {

std::string unknown_target(const TextEncoder& text, const std::string& target) {
  std::string pieces;
  for (const std::int64_t id : text.pieces(target).ids) {
    pieces += (pieces.empty() ? "" : ", ") + in_json(text.token(id));
  }
  return "target " + in_json(target) +
         " is not in the vocabulary, expected a whole entry, since one mask is one token: the tokenizer reads it as " +
         (pieces.empty() ? "nothing" : pieces);
}

/// The ids of the targets, each target once; notes each that is no entry of the vocabulary.
std::vector<std::int64_t> target_ids(const TextEncoder& text, const std::vector<std::string>& targets,
                                     Problems& problems) {
  std::vector<std::int64_t> ids;
  for (auto target = targets.begin(); target != targets.end(); ++target) {
    if (std::find(targets.begin(), target, *target) != target) continue;
    if (const auto id = text.token_id(*target)) {
      ids.push_back(*id);
    } else {
      problems.push_back({"not-in-vocabulary", "targets", unknown_target(text, *target)});
    }
  }
  return ids;
}

}  // namespace

std::vector<Problem> FillMaskRequest::problems() const {
  Problems problems = field_mistakes(*this);
  if (!problems.empty()) return problems;
  note_top_k_problem(top_k, problems);
  if (targets && targets->empty()) {
    problems.push_back(
        {"empty", "targets", "targets is empty, expected at least one word: name one, or leave targets out"});
  }
  return problems;
}

FillMaskHead::FillMaskHead(TextEncoder text, HeadSettings settings) : HeadBase(std::move(text), std::move(settings)) {
  require_mask_token(this->text());
}

FillMaskEncoded FillMaskHead::encode(const FillMaskRequest& request) const {
  raise_input_problems(request.problems());
  const Pieces pieces = text().pieces(request.text);
  FillMaskEncoded encoded;
  encoded.pieces = text().truncate(pieces);
  encoded.truncated = encoded.pieces.size() < pieces.size();
  Problems problems;
  note_lost_masks(text(), "text", pieces, encoded.pieces, problems);
  if (mask_indices(text(), pieces.ids).empty()) problems.push_back({"no-mask", "text", no_mask(text())});
  if (request.targets) encoded.target_ids = target_ids(text(), *request.targets, problems);
  raise_input_problems(problems);
  const Row row = text().row(encoded.pieces);
  encoded.features = {Features::from_row(row, mask_indices(text(), row.ids))};
  return encoded;
}

FillMaskResult FillMaskHead::decode(const FillMaskRequest& request, const FillMaskEncoded& encoded,
                                    std::span<const Outputs> outputs) const {
  const auto logits = mask_logits(output(outputs[0], "logits"), encoded.features[0], "logits");
  return {fill(text(), encoded.pieces, logits, {request.top_k, encoded.target_ids}), encoded.truncated};
}

const Task& FillMask::task() {
  static const Task& task = task_named("fill-mask");
  return task;
}

template FillMaskRequest request_from_json<FillMask>(const Json&);
template std::vector<RequestField> request_fields<FillMask>();
template Json result_to_json<FillMask>(const FillMaskResult&);

}  // namespace bert_runtime
