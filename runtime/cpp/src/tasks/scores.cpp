#include "tasks/scores.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "bert_runtime/errors.h"
#include "in_json.h"

namespace bert_runtime {

const FloatArray& output(const Outputs& outputs, std::string_view name) {
  const auto found = outputs.find(name);
  if (found == outputs.end()) {
    throw BackendError("the graph gave no " + in_json(name) +
                       ", expected it among its outputs; export the bundle again");
  }
  return found->second;
}

std::string shape_text(const Shape& shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + (shape.size() == 1 ? ",)" : ")");
}

void require_finite(std::span<const float> logits, std::string_view name) {
  const auto broken = std::ranges::count_if(logits, [](float logit) { return !std::isfinite(logit); });
  if (broken == 0) return;
  throw BackendError(std::to_string(broken) + " of " + std::to_string(logits.size()) + " values of " + in_json(name) +
                     " are NaN or infinite, expected finite numbers; run an fp32 artefact, or export again and look at "
                     "the checkpoint");
}

template <class Float>
Float pairwise_sum(std::span<const Float> values) {
  constexpr std::size_t kParts = 8, kBlock = 128;
  const std::size_t size = values.size();
  if (size < kParts) return std::accumulate(values.begin(), values.end(), Float{0});
  if (size > kBlock) {
    const std::size_t half = size / 2 - size / 2 % kParts;
    return pairwise_sum(values.first(half)) + pairwise_sum(values.subspan(half));
  }
  Float parts[kParts];
  std::copy_n(values.begin(), kParts, parts);
  std::size_t i = kParts;
  for (; i < size - size % kParts; i += kParts) {
    for (std::size_t part = 0; part < kParts; ++part) parts[part] += values[i + part];
  }
  const Float sum = ((parts[0] + parts[1]) + (parts[2] + parts[3])) + ((parts[4] + parts[5]) + (parts[6] + parts[7]));
  return std::accumulate(values.begin() + static_cast<std::ptrdiff_t>(i), values.end(), sum);
}

template <class Float>
std::vector<double> softmax(std::span<const Float> logits) {
  const double most = *std::ranges::max_element(logits);
  std::vector<double> scores(logits.size());
  std::ranges::transform(logits, scores.begin(), [&](Float logit) { return std::exp(logit - most); });
  const double sum = pairwise_sum<double>(scores);
  for (double& score : scores) score /= sum;
  return scores;
}

std::vector<double> sigmoid(std::span<const float> logits) {
  std::vector<double> scores(logits.size());
  std::ranges::transform(logits, scores.begin(), [](double logit) { return 0.5 * (1.0 + std::tanh(0.5 * logit)); });
  return scores;
}

template <class Float>
std::vector<std::int64_t> top(std::span<const Float> scores, std::int64_t count) {
  const auto size = static_cast<std::int64_t>(scores.size());
  const auto kept = static_cast<std::ptrdiff_t>(std::clamp<std::int64_t>(count, 0, size));
  const auto is_better = [&](std::int64_t one, std::int64_t other) {
    const Float a = scores[static_cast<std::size_t>(one)], b = scores[static_cast<std::size_t>(other)];
    return a != b ? a > b : one < other;
  };
  std::vector<std::int64_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::partial_sort(order, order.begin() + kept, is_better);
  order.resize(static_cast<std::size_t>(kept));
  return order;
}

template <class Float>
std::int64_t argmax(std::span<const Float> scores) {
  return std::ranges::max_element(scores) - scores.begin();
}

template float pairwise_sum(std::span<const float>);
template double pairwise_sum(std::span<const double>);
template std::vector<double> softmax(std::span<const float>);
template std::vector<double> softmax(std::span<const double>);
template std::vector<std::int64_t> top(std::span<const float>, std::int64_t);
template std::vector<std::int64_t> top(std::span<const double>, std::int64_t);
template std::int64_t argmax(std::span<const float>);
template std::int64_t argmax(std::span<const double>);

}  // namespace bert_runtime
