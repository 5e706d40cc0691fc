#include "manifest_consistency.h"

#include <map>
#include <utility>

#include "format_version.h"
#include "in_json.h"

namespace bert_runtime {
namespace {

/// Items that are there more than once, in the order of their first places.
std::vector<std::string> repeated(const std::vector<std::string>& items) {
  std::map<std::string, int> counts;
  for (const std::string& item : items) ++counts[item];
  std::vector<std::string> found;
  for (const std::string& item : items) {
    if (std::exchange(counts[item], 1) > 1) found.push_back(item);
  }
  return found;
}

void unlisted(const Manifest& manifest, const std::string& where, const std::vector<std::string>& names,
              Problems& problems) {
  for (const std::string& name : names) {
    if (manifest.files.contains(name)) continue;
    problems.push_back(
        {"unlisted-file", where, where + " names " + in_json(name) + ", which is not listed under files"});
  }
}

std::vector<std::string> lower_names(const Manifest& manifest, const std::string& own_name) {
  std::vector<std::string> names = {own_name};
  for (const auto& [name, record] : manifest.files) {
    std::string lower = name;
    for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    names.push_back(lower);
  }
  return names;
}

void clashes(const Graph& graph, const std::string& where, Problems& problems) {
  std::vector<std::string> names;
  for (const TensorSpec& spec : graph.inputs) names.push_back(spec.name);
  for (const TensorSpec& spec : graph.outputs) names.push_back(spec.name);
  for (const std::string& name : repeated(names)) {
    problems.push_back({"repeated-name", where, where + ": two tensors are named " + in_json(name) + ", expected one"});
  }
  for (const std::string& name : repeated(graph.data)) {
    problems.push_back(
        {"repeated-name", where + ".data", where + ".data lists " + in_json(name) + " twice, expected once"});
  }
}

using Named = std::vector<std::pair<std::string, Graph>>;

/// Every graph with its place in the manifest.
Named graphs(const Manifest& manifest) {
  Named found;
  for (std::size_t i = 0; i < manifest.artefacts.size(); ++i) {
    const std::string where = "artefacts[" + std::to_string(i) + "]";
    const Artefact& artefact = manifest.artefacts[i];
    found.emplace_back(where, artefact.graphs().front());
    if (artefact.cross_kv_graph) found.emplace_back(where + ".cross_kv_graph", *artefact.cross_kv_graph);
    if (artefact.sequence_packing) found.emplace_back(where + ".sequence_packing", *artefact.sequence_packing);
  }
  return found;
}

/// Artefacts that no call could choose between, or that would answer it in two ways.
void clashing_artefacts(const Manifest& manifest, Problems& problems) {
  std::vector<std::string> contracts;
  std::vector<std::string> ways;
  std::map<std::string, std::string> targets;
  for (const Artefact& artefact : manifest.artefacts) {
    contracts.push_back(artefact.target + " and the mask " + artefact.mask);
    const std::string way = artefact.target + " " + artefact.precision + (artefact.plain ? " plain" : "");
    if (targets.emplace(way, artefact.target).second) ways.push_back(artefact.target);
  }
  for (const std::string& contract : repeated(contracts)) {
    problems.push_back(
        {"contradiction", "artefacts", "artefacts: two are for the target " + contract + ", expected one"});
  }
  for (const std::string& target : repeated(ways)) {
    problems.push_back({"contradiction", "artefacts",
                        "artefacts: those for the target " + target +
                            " differ in more than mask and file, expected one precision, and all or none plain"});
  }
}

}  // namespace

Problems contradictions(const Manifest& manifest, const std::string& own_name) {
  Problems problems;
  const Named named = graphs(manifest);
  unlisted(manifest, "tokenizer.file", {manifest.tokenizer.file}, problems);
  for (const auto& [where, graph] : named) {
    unlisted(manifest, where + ".file", {graph.file}, problems);
    unlisted(manifest, where + ".data", graph.data, problems);
  }
  for (const std::string& name : repeated(lower_names(manifest, own_name))) {
    problems.push_back(
        {"repeated-name", "files",
         "files: " + in_json(name) + " differs from another name at most in case, expected distinct names"});
  }
  version_problems(manifest, problems);
  clashing_artefacts(manifest, problems);
  for (const auto& [where, graph] : named) clashes(graph, where, problems);
  return problems;
}

}  // namespace bert_runtime
