// What is done to the logits before a token is chosen: transformers' processors, in its order and with its meaning.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bert_runtime/tasks/text_generation.h"

namespace bert_runtime {

/// The tokens of a prompt and those after it, without a copy.
struct SeenTokens {
  std::span<const std::int64_t> prompt, added;
};

/// Makes the scores of the tokens that were seen less likely, each once (CTRL, Keskar et al. 2019): divided by the
/// repetition penalty where positive, multiplied where negative. Ids beyond the scores are passed over.
void penalise(std::span<float> scores, const SeenTokens& seen, const GenerationSettings& settings);

/// Makes scores to draw from: by temperature, then top_k, then top_p; what is left out is minus infinity.
void make_drawable(std::span<float> scores, const GenerationSettings& settings);

}  // namespace bert_runtime
