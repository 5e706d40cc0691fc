#include "generation/batches.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace bert_runtime {

namespace {

/// The tokens of the sources, padding included; at least one request.
std::int64_t source_tokens(std::span<const Extent> requests) {
  return static_cast<std::int64_t>(requests.size()) * std::ranges::max_element(requests, {}, &Extent::source)->source;
}

}  // namespace

std::int64_t lanes(const GenerationSettings& settings) {
  return std::max(settings.num_beams, settings.num_return_sequences);
}

std::vector<std::vector<std::size_t>> plan_generation(std::span<const Extent> requests, const BatchLimits& limits) {
  std::vector<std::size_t> order(requests.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, {}, [&](std::size_t i) {
    return std::tuple(requests[i].settings->max_new_tokens, requests[i].source, requests[i].prompt);
  });
  std::vector<std::vector<std::size_t>> batches;
  std::vector<Extent> last;
  for (const std::size_t i : order) {
    last.push_back(requests[i]);
    const BatchSize size = batch_size(last);
    const std::int64_t tokens = size.tokens + source_tokens(last);
    if (last.size() > 1 && size.rows <= limits.max_batch_size && tokens <= limits.max_batch_tokens) {
      batches.back().push_back(i);
    } else {
      batches.push_back({i});
      last = {requests[i]};
    }
  }
  return batches;
}

BatchSize batch_size(std::span<const Extent> requests) {
  std::int64_t rows = 0, prompt = 0, added = 0;
  for (const Extent& request : requests) {
    rows += lanes(*request.settings);
    prompt = std::max(prompt, request.prompt);
    added = std::max(added, request.settings->max_new_tokens);
  }
  return {rows, rows * (prompt + added)};
}

}  // namespace bert_runtime
