#include "graph_signature.h"

#include <algorithm>
#include <map>
#include <set>

#include "graph_operators.h"
#include "in_json.h"
#include "texts.h"

namespace bert_runtime {
namespace {

using Sizes = std::map<std::string, std::int64_t>;

/// The sum of two numbers, which may have one bit more than either.
std::string sum(std::uint64_t first, std::uint64_t second) {
  constexpr std::uint64_t kTen = 10;
  const std::uint64_t last = (first % kTen + second % kTen) % kTen;
  const std::uint64_t rest = first / kTen + second / kTen + (first % kTen + second % kTen) / kTen;
  return (rest ? std::to_string(rest) : "") + std::to_string(last);
}

void external_problems(const Graph& graph, const OnnxFile& found, const std::map<std::string, FileRecord>& files,
                       Problems& problems) {
  std::set<std::string> used;
  for (const ExternalData& external : found.external) {
    used.insert(external.location);
    const std::string tensor = cut(in_json(external.tensor), 80);
    if (std::ranges::find(graph.data, external.location) == graph.data.end()) {
      problems.push_back(
          {"unlisted-file", graph.file,
           "the external data of tensor " + tensor + " lies in " + cut(in_json(external.location), 80) +
               ", expected only the files that the manifest lists under data: " + joined(graph.data, ", ", "none")});
      continue;
    }
    const auto size = static_cast<std::uint64_t>(files.at(external.location).size);
    const std::uint64_t length = external.length.value_or(0);
    if (external.offset <= size && length <= size - external.offset) continue;
    problems.push_back({"out-of-range", external.location,
                        "tensor " + tensor + " ends at byte " + sum(external.offset, length) + " of " +
                            external.location + ", expected at most " + std::to_string(size)});
  }
  for (const std::string& name : std::set<std::string>(graph.data.begin(), graph.data.end())) {
    if (used.contains(name)) continue;
    problems.push_back(
        {"unused-file", name,
         "no tensor lies in " + name + ", expected one in every file that the manifest lists under data"});
  }
}

void shape_problems(const TensorSpec& spec, const std::vector<Dimension>& shape, const Sizes& sizes,
                    Problems& problems) {
  const std::string name = in_json(spec.name);
  if (shape.size() != spec.axes.size()) {
    problems.push_back({"wrong-signature", spec.name,
                        name + " has " + std::to_string(shape.size()) +
                            " axes in the graph, expected the manifest's: " + joined(spec.axes)});
    return;
  }
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const auto* fixed = std::get_if<std::int64_t>(&shape[i]);
    const auto size = sizes.find(spec.axes[i]);
    if (!fixed || (size != sizes.end() && size->second == *fixed)) continue;
    const std::string expected =
        size == sizes.end() ? "a size that changes with the request" : std::to_string(size->second);
    problems.push_back({"wrong-signature", spec.name,
                        "the axis " + spec.axes[i] + " of " + name + " is " + std::to_string(*fixed) +
                            " in the graph, expected " + expected});
  }
}

template <class Value>
std::string names(const std::map<std::string, const Value*>& items) {
  std::vector<std::string> keys;
  for (const auto& [name, item] : items) keys.push_back(name);
  return joined(keys, ", ", "none");
}

void tensor_problems(const std::string& kind, const std::vector<TensorSpec>& specs,
                     const std::vector<const GraphTensor*>& tensors, const Sizes& sizes, Problems& problems) {
  std::map<std::string, const TensorSpec*> declared;
  std::map<std::string, const GraphTensor*> found;
  for (const TensorSpec& spec : specs) declared[spec.name] = &spec;
  for (const GraphTensor* tensor : tensors) found[tensor->name] = tensor;
  const auto same_name = [](const auto& left, const auto& right) { return left.first == right.first; };
  if (!std::ranges::equal(declared, found, same_name)) {
    problems.push_back(
        {"wrong-signature", kind,
         "the graph's " + kind + " are " + names(found) + ", expected the manifest's: " + names(declared)});
  }
  for (const auto& [name, spec] : declared) {
    if (!found.contains(name)) continue;
    const GraphTensor& tensor = *found[name];
    if (tensor.dtype != spec->dtype) {
      problems.push_back({"wrong-signature", name,
                          in_json(name) + " is of type " + (tensor.dtype.empty() ? "unknown" : tensor.dtype) +
                              " in the graph, expected the manifest's " + spec->dtype});
    }
    if (tensor.shape) shape_problems(*spec, *tensor.shape, sizes, problems);
  }
}

std::vector<const GraphTensor*> pointers(const std::vector<GraphTensor>& tensors) {
  std::vector<const GraphTensor*> found;
  for (const GraphTensor& tensor : tensors) found.push_back(&tensor);
  return found;
}

}  // namespace

Problems graph_problems(const Artefact& artefact, const Graph& graph, const OnnxFile& found, const Manifest& manifest) {
  Problems problems = operator_problems(artefact.target, found);
  if (!found.opset || *found.opset != artefact.opset) {
    problems.push_back({"wrong-signature", "opset",
                        "has opset " + (found.opset ? std::to_string(*found.opset) : "None") +
                            ", expected the manifest's " + std::to_string(artefact.opset)});
  }
  external_problems(graph, found, manifest.files, problems);
  // An initializer that is also an input is a default value: the graph may keep it to itself.
  std::vector<const GraphTensor*> inputs = pointers(found.inputs);
  std::erase_if(inputs, [&](const GraphTensor* tensor) {
    const auto same = [&](const TensorSpec& spec) { return spec.name == tensor->name; };
    return found.initializers.contains(tensor->name) && std::ranges::none_of(graph.inputs, same);
  });
  tensor_problems("inputs", graph.inputs, inputs, manifest.sizes, problems);
  tensor_problems("outputs", graph.outputs, pointers(found.outputs), manifest.sizes, problems);
  return problems;
}

}  // namespace bert_runtime
