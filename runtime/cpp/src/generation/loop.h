// The plot of a generation: read the prompts, then choose and read one token a row until every search is done.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "generation/decoder.h"
#include "generation/search.h"

namespace bert_runtime {

/// Takes the searches to their ends together. `on_step` is called whenever each that goes on has chosen its next
/// tokens; it returns whether to go on. Throws BackendError: the engine failed.
void run_searches(CachedDecoder& decoder, std::span<const Prompt* const> prompts,
                  std::span<const std::unique_ptr<Search>> searches, std::int64_t pad_id,
                  const std::function<bool()>& on_step);

}  // namespace bert_runtime
