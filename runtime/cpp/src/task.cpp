#include "bert_runtime/task.h"

#include <algorithm>
#include <array>

namespace bert_runtime {
namespace {

constexpr std::array<std::string_view, 8> kRequestAxes = {"batch", "choices", "sequence", "masks",
                                                          "past",  "total",   "source",   "sources"};
constexpr std::string_view kLayer = "{layer}";

TensorSpec of_layer(TensorSpec spec, std::int64_t layer) {
  spec.name.replace(spec.name.find(kLayer), kLayer.size(), std::to_string(layer));
  return spec;
}

}  // namespace

bool is_request_axis(std::string_view axis) { return std::ranges::find(kRequestAxes, axis) != kRequestAxes.end(); }

std::vector<TensorSpec> Task::inputs(bool plain, bool reads_source) const {
  if (!graph_inputs.empty()) {
    std::vector<TensorSpec> all = graph_inputs;
    if (reads_source && cross_attention) {
      all.insert(all.end(), cross_attention->inputs.begin(), cross_attention->inputs.end());
    }
    return all;
  }
  std::vector<std::string> axes = {"batch", "sequence"};
  if (choices) axes.insert(axes.begin() + 1, "choices");
  std::vector<TensorSpec> specs;
  for (const char* name : {"input_ids", "attention_mask", "token_type_ids"}) specs.push_back({name, "int64", axes});
  if (reads == Reads::masked_positions && !plain) specs.push_back({"positions", "int64", {"batch", "masks"}});
  return specs;
}

std::vector<TensorSpec> Task::graph_outputs(bool plain) const {
  return plain && !plain_outputs.empty() ? plain_outputs : outputs;
}

std::vector<TensorSpec> expand(const std::vector<TensorSpec>& specs, std::int64_t layers) {
  std::vector<TensorSpec> expanded;
  for (auto first = specs.begin(); first != specs.end();) {
    if (!first->is_per_layer()) {
      expanded.push_back(*first++);
      continue;
    }
    const auto last = std::find_if_not(first, specs.end(), [](const TensorSpec& spec) { return spec.is_per_layer(); });
    for (std::int64_t layer = 0; layer < layers; ++layer) {
      for (auto spec = first; spec != last; ++spec) expanded.push_back(of_layer(*spec, layer));
    }
    first = last;
  }
  return expanded;
}

}  // namespace bert_runtime
