#include "tasks/activation.h"

#include <algorithm>
#include <array>
#include <utility>

#include "tasks/scores.h"

namespace bert_runtime {
namespace {

std::vector<double> unchanged(std::span<const float> logits) { return {logits.begin(), logits.end()}; }

constexpr std::array<Activation, 3> kTable = {{
    {"none", unchanged, sigmoid, 1},
    {"sigmoid", sigmoid, sigmoid, 1},
    // A softmax over one logit is always 1.
    {"softmax", softmax<float>, softmax<float>, 2},
}};

constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kDefaults = {{
    {"single_label_classification", "softmax"},
    {"multi_label_classification", "sigmoid"},
    {"regression", "none"},
}};

}  // namespace

const Activation* find_activation(std::string_view name) {
  const auto* found = std::ranges::find(kTable, name, &Activation::name);
  return found == kTable.end() ? nullptr : found;
}

std::optional<std::string> activation_of(const HeadSettings& settings) {
  if (settings.activation) return settings.activation;
  for (const auto& [problem_type, activation] : kDefaults) {
    if (settings.problem_type == problem_type) return std::string(activation);
  }
  return std::nullopt;
}

std::optional<std::string> misfit(std::string_view name, std::size_t labels) {
  const Activation* activation = find_activation(name);
  if (!activation || labels >= activation->least_labels) return std::nullopt;
  return std::string(name) + " over " + std::to_string(labels) + " label is always 1, expected at least " +
         std::to_string(activation->least_labels) + " labels";
}

}  // namespace bert_runtime
