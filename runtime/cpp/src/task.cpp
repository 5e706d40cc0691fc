#include "bert_runtime/task.h"

#include <algorithm>
#include <set>
#include <utility>

#include "format_words.h"

namespace bert_runtime {
namespace {

constexpr std::string_view kLayer = "{layer}";
constexpr const char* kTypes = "token_type_ids";
constexpr const char* kOwnWidth = "embedding";

TensorSpec of_layer(TensorSpec spec, std::int64_t layer) {
  spec.name.replace(spec.name.find(kLayer), kLayer.size(), std::to_string(layer));
  return spec;
}

}  // namespace

const Task& task_named(std::string_view name) {
  static const std::vector<Task> tasks = {
#include "tasks_table.inc"
  };
  return *std::ranges::find(tasks, name, &Task::name);
}

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
  for (const char* name : {"input_ids", "attention_mask", kTypes}) specs.push_back({name, "int64", axes});
  if (reads == Reads::masked_positions && !plain) specs.push_back({"positions", "int64", {"batch", "masks"}});
  return specs;
}

std::vector<TensorSpec> Task::graph_outputs(bool plain) const {
  return plain && !plain_outputs.empty() ? plain_outputs : outputs;
}

std::optional<SequencePacking> Task::sequence_packing() const {
  if (choices || is_autoregressive) return std::nullopt;
  SequencePacking found;
  std::set<std::string> read;
  for (TensorSpec spec : outputs) {
    if (spec.axes[1] != "sequence" && spec.axes[1] != "masks") spec.axes.insert(spec.axes.begin() + 1, "texts");
    if (spec.axes[1] != "sequence") read.insert(spec.axes[1]);
    found.outputs.push_back(std::move(spec));
  }
  if (read.size() > 1) return std::nullopt;  // a text's own output beside those of its masks
  for (const char* name : {"input_ids", kTypes, "sequence_ids", "position_ids"}) {
    found.inputs.push_back({name, "int64", {"batch", "sequence"}});
  }
  for (const std::string& axis : read) found.inputs.push_back({"positions", "int64", {"batch", axis}});
  return found;
}

std::vector<TensorSpec> without_types(std::vector<TensorSpec> specs) {
  std::erase_if(specs, [](const TensorSpec& spec) { return spec.name == kTypes; });
  return specs;
}

std::vector<TensorSpec> with_own_width(std::vector<TensorSpec> specs) {
  for (TensorSpec& spec : specs) {
    if (spec.name == "sentence_embedding") spec.axes.back() = kOwnWidth;
  }
  return specs;
}

bool has_own_width(const std::vector<TensorSpec>& specs) {
  return std::ranges::any_of(
      specs, [](const TensorSpec& spec) { return std::ranges::find(spec.axes, kOwnWidth) != spec.axes.end(); });
}

bool has_types(const std::vector<TensorSpec>& specs) {
  return std::ranges::find(specs, kTypes, &TensorSpec::name) != specs.end();
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
