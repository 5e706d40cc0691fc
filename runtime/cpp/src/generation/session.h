// From prompts to texts: what a session does for a task whose answers take one run for each token.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "bert_runtime/backends/engine.h"
#include "bert_runtime/errors.h"
#include "bert_runtime/manifest.h"
#include "bert_runtime/schedule.h"
#include "bert_runtime/tasks/text_generation.h"
#include "generation/sources.h"

namespace bert_runtime {

/// The parts of a session that a generation needs; they belong to the session.
struct GenerationParts {
  const Engine& engine;
  const Artefact& artefact;
  const std::map<std::string, std::int64_t>& sizes;
  const TextGenerationHead& head;
  BatchLimits batch_limits;
  const Sources* sources = nullptr;  ///< Of a decoder that reads an encoder.
};

/// The prompt, and beside it what the decoder reads. Throws InputError: problems of both at once.
[[nodiscard]] Prompt encoded_prompt(const GenerationParts& parts, const TextGenerationRequest& request);

/// Each request's answer, in order; requests of similar length run together. Batching changes no answer beyond
/// rounding. What a batch meets is the answer of each of its requests. Safe in threads.
[[nodiscard]] std::vector<ItemAnswer<TextGenerationResult>> generated(
    const GenerationParts& parts, std::span<const std::pair<TextGenerationRequest, Prompt>> items);

/// Generates one token after an empty prompt. Throws BackendError: the engine runs nothing any more.
void probe_generation(const GenerationParts& parts);

/// Calls `on_text` with the text as it grows, in parts that join to the result's `text`, until it returns false. The
/// parts live during the call only. Safe in threads.
///
/// Throws InputError: the request cannot be answered, or asks for beams or several texts, which grow side by side;
/// BackendError: the engine failed; and what `on_text` throws.
void stream(const GenerationParts& parts, const TextGenerationRequest& request,
            const std::function<bool(std::string_view)>& on_text);

}  // namespace bert_runtime
