#include "signature.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "in_json.h"
#include "tasks/activation.h"
#include "texts.h"

namespace bert_runtime {
namespace {

using Sizes = std::map<std::string, std::int64_t>;

std::string shown(const std::vector<TensorSpec>& specs) {
  constexpr std::size_t kShown = 8;
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < std::min(specs.size(), kShown); ++i) {
    parts.push_back(specs[i].name + " " + specs[i].dtype + "(" + joined(specs[i].axes) + ")");
  }
  return joined(parts, ", ", "none") + (specs.size() > kShown ? ", ..." : "");
}

bool has_layers(const std::vector<TensorSpec>& specs) { return std::ranges::any_of(specs, &TensorSpec::is_per_layer); }

/// The tensors at a place of the artefact, and those that the task has there.
struct Compared {
  std::string key;
  std::vector<TensorSpec> found;
  std::vector<TensorSpec> expected;
};

/// Either all graphs take token types, or none does.
std::vector<Compared> places(const Artefact& artefact, const Task& task) {
  const bool types = has_types(artefact.inputs);
  const auto own = [&](std::vector<TensorSpec> specs) { return types ? specs : without_types(std::move(specs)); };
  const bool widened = has_own_width(artefact.outputs);
  const auto wide = [&](std::vector<TensorSpec> specs) { return widened ? with_own_width(std::move(specs)) : specs; };
  std::vector<Compared> all = {
      {"inputs", artefact.inputs, own(task.inputs(artefact.plain, artefact.cross_kv_graph.has_value()))},
      {"outputs", artefact.outputs, wide(task.graph_outputs(artefact.plain))}};
  if (artefact.cross_kv_graph && task.cross_attention) {
    all.push_back({"cross_kv_graph.inputs", artefact.cross_kv_graph->inputs, task.cross_attention->cross_kv_inputs});
    all.push_back({"cross_kv_graph.outputs", artefact.cross_kv_graph->outputs, task.cross_attention->cross_kv_outputs});
  }
  const std::optional<SequencePacking> packed = task.sequence_packing();
  if (artefact.sequence_packing && packed) {
    all.push_back({"sequence_packing.inputs", artefact.sequence_packing->inputs, own(packed->inputs)});
    all.push_back({"sequence_packing.outputs", artefact.sequence_packing->outputs, wide(packed->outputs)});
  }
  return all;
}

/// `whose` is the artefact's name in a sentence about its tensors.
void signature_problems(const Artefact& artefact, const Task& task, const Sizes& sizes, const std::string& whose,
                        Problems& problems) {
  const std::vector<Compared> all = places(artefact, task);
  const std::string expected = "expected those of " + task.name + (artefact.plain ? " (plain)" : "");
  const auto layers = sizes.find("layers");
  if (std::ranges::any_of(all, [](const Compared& place) { return has_layers(place.expected); })) {
    std::int64_t count = 0;
    for (const Compared& place : all) count += static_cast<std::int64_t>(place.found.size());
    if (layers == sizes.end()) {
      problems.push_back({"missing-key", "sizes.layers",
                          whose + ": sizes.layers is missing, expected the number of layers: the graph has tensors for "
                                  "each of them"});
      return;
    }
    if (layers->second > count) {  // two thousand million names would be made, only to differ
      problems.push_back({"wrong-signature", "sizes.layers",
                          whose + " has " + std::to_string(count) + " tensors, " + expected + " for sizes.layers " +
                              std::to_string(layers->second)});
      return;
    }
  }
  for (const Compared& place : all) {
    const std::vector<TensorSpec> right = expand(place.expected, layers == sizes.end() ? 0 : layers->second);
    if (place.found == right) continue;
    problems.push_back(
        {"wrong-signature", place.key,
         whose + "." + place.key + " are " + shown(place.found) + ", " + expected + ": " + shown(right)});
  }
}

/// A source where there is none to read, or beside an artefact that reads none.
void source_problems(const Manifest& manifest, const Task& task, Problems& problems) {
  const auto& artefacts = manifest.artefacts;
  const auto has_source = [](const Artefact& artefact) { return artefact.cross_kv_graph.has_value(); };
  const auto place = [&](auto found) { return "artefacts[" + std::to_string(found - artefacts.begin()) + "]"; };
  const auto first = std::ranges::find_if(artefacts, has_source);
  const auto without = std::ranges::find_if_not(artefacts, has_source);
  if (first == artefacts.end()) return;
  if (!task.cross_attention) {
    problems.push_back({"unexpected", "cross_kv_graph",
                        place(first) + ".cross_kv_graph is given, expected none: " + task.name + " reads no encoder"});
  } else if (without != artefacts.end()) {
    problems.push_back({"missing-key", "cross_kv_graph",
                        place(without) + ".cross_kv_graph is missing, expected one in every artefact or in none"});
  }
}

/// A graph for sequence packing where the task has none.
void sequence_packing_problems(const Manifest& manifest, const Task& task, Problems& problems) {
  for (std::size_t i = 0; i < manifest.artefacts.size(); ++i) {
    const Artefact& artefact = manifest.artefacts[i];
    if (!artefact.sequence_packing || (task.sequence_packing() && !artefact.plain)) continue;
    problems.push_back({"unexpected", "sequence_packing",
                        "artefacts[" + std::to_string(i) + "].sequence_packing is given, expected none: texts of " +
                            task.name + (artefact.plain ? " (plain)" : "") + " share no row"});
  }
}

constexpr std::string_view kActivation = "activation";
/// Settings with a default.
constexpr std::string_view kMayBeAbsent[] = {kActivation, "prompts", "default_prompt"};

void settings_problems(const HeadSettings& settings, const Task& task, Problems& problems) {
  const std::pair<std::string, bool> given[] = {{"labels", !settings.labels.empty()},
                                                {"problem_type", settings.problem_type.has_value()},
                                                {"pooling", settings.pooling.has_value()},
                                                {"normalize", settings.normalize.has_value()},
                                                {"activation", settings.activation.has_value()},
                                                {"prompts", !settings.prompts.empty()},
                                                {"default_prompt", settings.default_prompt.has_value()}};
  for (const auto& [key, is_given] : given) {
    const bool is_used = std::ranges::find(task.settings, key) != task.settings.end();
    if (!is_given && is_used && std::ranges::find(kMayBeAbsent, key) == std::end(kMayBeAbsent)) {
      problems.push_back({"missing-key", "settings." + key,
                          "settings." + key + " is missing, expected the setting that " + task.name + " needs"});
    }
    if (is_given && !is_used) {
      problems.push_back({"unknown-key", "settings." + key,
                          "settings." + key + " is no setting of " + task.name +
                              ", expected only: " + joined(task.settings, ", ", "none")});
    }
  }
  if (settings.default_prompt && !settings.prompts.contains(*settings.default_prompt)) {
    problems.push_back({"contradiction", "settings.default_prompt",
                        "settings.default_prompt is " + cut(in_json(*settings.default_prompt)) +
                            ", expected one of settings.prompts"});
  }
}

void activation_problems(const HeadSettings& settings, const Task& task, Problems& problems) {
  const std::optional<std::string> activation = activation_of(settings);
  const bool is_used = std::ranges::find(task.settings, kActivation) != task.settings.end();
  if (!activation || !is_used || settings.labels.empty()) return;
  if (const auto reason = misfit(*activation, settings.labels.size())) {
    problems.push_back({"contradiction", "settings.activation", "settings.activation: " + *reason});
  }
}

void label_problems(const Manifest& manifest, const Task& task, Problems& problems) {
  if (std::ranges::find(task.settings, "labels") == task.settings.end()) return;
  const auto labels = static_cast<std::int64_t>(manifest.settings.labels.size());
  const auto size = manifest.sizes.find("labels");
  if (size != manifest.sizes.end() && size->second == labels) return;
  problems.push_back({"contradiction", "settings.labels",
                      "settings.labels has " + std::to_string(labels) + " names, expected sizes.labels of them: " +
                          (size == manifest.sizes.end() ? "None" : std::to_string(size->second))});
}

void size_problems(const Manifest& manifest, Problems& problems) {
  std::set<std::string> axes;
  for (const Artefact& artefact : manifest.artefacts) {
    for (const Graph& graph : artefact.graphs()) {
      for (const TensorSpec& spec : graph.inputs) axes.insert(spec.axes.begin(), spec.axes.end());
      for (const TensorSpec& spec : graph.outputs) axes.insert(spec.axes.begin(), spec.axes.end());
    }
  }
  for (const std::string& axis : axes) {
    if (is_request_axis(axis) || manifest.sizes.contains(axis)) continue;
    problems.push_back({"missing-key", "sizes." + axis,
                        "sizes." + axis + " is missing, expected the size of an axis that belongs to the checkpoint"});
  }
  for (const auto& [axis, size] : manifest.sizes) {
    if (!is_request_axis(axis)) continue;
    problems.push_back({"unexpected", "sizes." + axis,
                        "sizes." + axis + " is given, expected no size for an axis that changes with the request"});
  }
}

}  // namespace

Problems task_problems(const Manifest& manifest, const Task& task) {
  Problems problems;
  for (std::size_t i = 0; i < manifest.artefacts.size(); ++i) {
    signature_problems(manifest.artefacts[i], task, manifest.sizes, "artefacts[" + std::to_string(i) + "]", problems);
  }
  source_problems(manifest, task, problems);
  sequence_packing_problems(manifest, task, problems);
  settings_problems(manifest.settings, task, problems);
  activation_problems(manifest.settings, task, problems);
  label_problems(manifest, task, problems);
  size_problems(manifest, problems);
  return problems;
}

}  // namespace bert_runtime
