// From the logits at the masks of a text to words: what fill-mask and pretraining share. All functions are pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "bert_runtime/errors.h"
#include "bert_runtime/features.h"
#include "bert_runtime/tasks/mask_tokens.h"
#include "bert_runtime/tensor.h"
#include "bert_runtime/text.h"
#include "tasks/fields.h"

namespace bert_runtime {

template <>
struct Fields<Candidate> {
  static constexpr auto list = std::tuple(field("token", &Candidate::token), field("token_id", &Candidate::token_id),
                                          field("score", &Candidate::score), field("text", &Candidate::text));
};

template <>
struct Fields<MaskResult> {
  static constexpr auto list = std::tuple(field("start", &MaskResult::start), field("end", &MaskResult::end),
                                          field("candidates", &MaskResult::candidates));
};

/// The logits at the masks, a row for each, whether the graph gives just these or one for every token.
///
/// The number of rows tells which: a row has as many masks as tokens only if all of it is masked, and then both are the
/// same array. Throws BackendError: neither shape, or a value that is not finite; `name` is the graph's output.
[[nodiscard]] std::vector<std::span<const float>> mask_logits(const FloatArray& logits, const Features& features,
                                                              std::string_view name);

/// Which of the ids are masks.
[[nodiscard]] std::vector<std::int64_t> mask_indices(const TextEncoder& text, std::span<const std::int64_t> ids);

/// What the candidates of a mask are chosen from: how many, and of which ids (nothing: the whole vocabulary).
struct Wanted {
  std::int64_t top_k;
  std::optional<std::span<const std::int64_t>> target_ids = std::nullopt;
};

/// The candidates of each mask of `pieces`, one text as the model read it; `logits` are in the order of the text.
/// Throws BackendError: a target is beyond the vocabulary of the logits: tokenizer and graph do not belong together.
[[nodiscard]] std::vector<MaskResult> fill(const TextEncoder& text, const Pieces& pieces,
                                           std::span<const std::span<const float>> logits, const Wanted& wanted);

/// Notes what is wrong with a number of candidates.
void note_top_k_problem(std::int64_t top_k, Problems& problems);

/// The problem of a text without a mask.
[[nodiscard]] std::string no_mask(const TextEncoder& text);

/// Notes the masks that truncation cut off, if there are any; `name` is the request's field.
void note_lost_masks(const TextEncoder& text, std::string_view name, const Pieces& pieces, const Pieces& kept,
                     Problems& problems);

/// Throws BundleError if the tokenizer cannot write a mask.
void require_mask_token(const TextEncoder& text);

}  // namespace bert_runtime
