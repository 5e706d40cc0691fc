#include "generation/processors.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>

#include "tasks/scores.h"

namespace bert_runtime {
namespace {

constexpr float kLeftOut = -std::numeric_limits<float>::infinity();

/// Keeps the `count` largest, and whatever equals the smallest of them.
void keep_top_k(std::span<float> scores, std::int64_t count) {
  std::vector<float> sorted(scores.begin(), scores.end());
  const auto last = sorted.begin() + static_cast<std::ptrdiff_t>(count - 1);
  std::ranges::nth_element(sorted, last, std::greater<>());
  std::ranges::replace_if(scores, [threshold = *last](float score) { return score < threshold; }, kLeftOut);
}

/// Keeps the smallest set of the most probable tokens that reaches `probability` (nucleus, Holtzman et al. 2019).
void keep_top_p(std::span<float> scores, double probability) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return scores[i]; });
  std::vector<float> sorted;
  for (const std::size_t i : order) sorted.push_back(scores[i]);
  const std::vector<double> shares = softmax<float>(sorted);
  double tail = 0;
  for (std::size_t i = 0; i + 1 < order.size(); ++i) {
    tail += shares[i];
    if (tail <= 1 - probability) scores[order[i]] = kLeftOut;
  }
}

}  // namespace

void penalise(std::span<float> scores, const SeenTokens& seen, const GenerationSettings& settings) {
  if (settings.repetition_penalty == 1) return;
  std::vector<std::int64_t> ids(seen.prompt.begin(), seen.prompt.end());
  ids.insert(ids.end(), seen.added.begin(), seen.added.end());
  std::ranges::sort(ids);
  const auto repeated = std::ranges::unique(ids);
  ids.erase(repeated.begin(), repeated.end());
  const auto penalty = static_cast<float>(settings.repetition_penalty);
  for (const std::int64_t id : ids) {
    if (id >= static_cast<std::int64_t>(scores.size())) return;
    float& score = scores[static_cast<std::size_t>(id)];
    score = score < 0 ? score * penalty : score / penalty;
  }
}

void make_drawable(std::span<float> scores, const GenerationSettings& settings) {
  const auto temperature = static_cast<float>(settings.temperature);
  for (float& score : scores) score /= temperature;
  const auto size = static_cast<std::int64_t>(scores.size());
  if (0 < settings.top_k && settings.top_k < size) keep_top_k(scores, settings.top_k);
  if (settings.top_p < 1) keep_top_p(scores, settings.top_p);
}

}  // namespace bert_runtime
