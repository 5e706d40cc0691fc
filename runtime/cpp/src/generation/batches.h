// Which requests are continued together: those of similar length, under the session's limits. All functions are pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bert_runtime/schedule.h"
#include "bert_runtime/tasks/text_generation.h"

namespace bert_runtime {

/// How large a request is: what it asks for, and the tokens of its prompt and of its source.
struct Extent {
  const GenerationSettings* settings;
  std::int64_t prompt;
  std::int64_t source = 0;
};

/// The rows of a batch, and its own tokens over all rows, padding included: at most, at its end.
struct BatchSize {
  std::int64_t rows, tokens;
};

/// How many rows of a batch a request takes at most.
[[nodiscard]] std::int64_t lanes(const GenerationSettings& settings);

/// Indices of requests in batches; one that exceeds the limits runs alone.
///
/// Rows and tokens count every lane at its greatest length: that is what the cache may take; and the sources. Settings
/// may differ within a batch, since each request has a search of its own.
[[nodiscard]] std::vector<std::vector<std::size_t>> plan_generation(std::span<const Extent> requests,
                                                                    const BatchLimits& limits);

/// See BatchSize; at least one request.
[[nodiscard]] BatchSize batch_size(std::span<const Extent> requests);

}  // namespace bert_runtime
