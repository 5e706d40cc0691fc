#include "feeds.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "backends/by_mask.h"
#include "bert_runtime/errors.h"
#include "in_json.h"
#include "texts.h"

namespace bert_runtime {
namespace {

std::string dtype(const Input& array) { return array.values.index() == 0 ? "int64" : "float32"; }

std::string shown(const Shape& shape) {
  std::vector<std::string> sizes;
  for (const std::int64_t size : shape) sizes.push_back(std::to_string(size));
  return "(" + joined(sizes) + (shape.size() == 1 ? ",)" : ")");
}

std::size_t value_count(const Input& array) {
  return std::visit([](const auto& values) { return values.size(); }, array.values);
}

bool has_its_values(const Input& array) {
  if (std::ranges::any_of(array.shape, [](std::int64_t size) { return size < 0; })) return false;
  return static_cast<std::size_t>(element_count(array.shape)) == value_count(array);
}

Problems array_problems(const Input& array, const TensorSpec& spec, std::int64_t max_length) {
  if (dtype(array) != spec.dtype || array.shape.size() != spec.axes.size()) {
    return {spec.name + " is " + dtype(array) + " of shape " + shown(array.shape) + ", expected " + spec.dtype +
            " of (" + joined(spec.axes) + ")"};
  }
  if (!has_its_values(array)) {
    return {{"wrong-shape", spec.name,
             spec.name + " has " + std::to_string(value_count(array)) + " values, expected those of its shape " +
                 shown(array.shape)}};
  }
  for (std::size_t i = 0; i < spec.axes.size(); ++i) {
    if (array.shape[i] != 0 || (spec.axes[i] != "source" && spec.axes[i] != "sources")) continue;
    return {{"empty", spec.name,
             spec.name + " has the shape " + shown(array.shape) + ", expected a source of one token at least"}};
  }
  const auto place = std::ranges::find(spec.axes, "sequence");
  if (place == spec.axes.end()) return {};
  const std::int64_t length = array.shape[static_cast<std::size_t>(place - spec.axes.begin())];
  if (length >= 1 && length <= max_length) return {};
  return {
      {"too-long", spec.name,
       spec.name + " has a sequence of " + std::to_string(length) + ", expected 1 to " + std::to_string(max_length)}};
}

/// Every array by its name, and a problem for each name that is given twice.
std::map<std::string, const Input*> by_name(std::span<const Input> arrays, Problems& problems) {
  std::map<std::string, const Input*> found;
  for (const Input& array : arrays) {
    if (!found.emplace(array.name, &array).second) {
      problems.push_back(
          {"repeated-name", array.name, "input " + in_json(array.name) + " is given twice, expected once"});
    }
  }
  return found;
}

/// Axes of one name that differ in size between inputs; every array has the axes of its spec.
Problems axis_problems(const std::map<std::string, const Input*>& arrays, std::span<const TensorSpec> inputs) {
  std::vector<std::string> order;
  std::map<std::string, std::vector<std::pair<std::string, std::int64_t>>> sizes;
  for (const TensorSpec& spec : inputs) {
    for (std::size_t i = 0; i < spec.axes.size(); ++i) {
      auto& found = sizes[spec.axes[i]];
      if (found.empty()) order.push_back(spec.axes[i]);
      found.emplace_back(spec.name, arrays.at(spec.name)->shape[i]);
    }
  }
  Problems problems;
  for (const std::string& axis : order) {
    const auto& found = sizes[axis];
    const auto is_other = [&](const auto& entry) { return entry.second != found.front().second; };
    if (std::ranges::none_of(found, is_other)) continue;
    std::vector<std::string> parts;
    for (const auto& [name, size] : found) parts.push_back(std::to_string(size) + " in " + name);
    problems.push_back({"wrong-shape", axis, axis + " is " + joined(parts) + ", expected one size"});
  }
  if (sizes.contains("total")) {
    const auto size = [&](const char* axis) { return sizes.at(axis).front().second; };
    if (size("total") != size("past") + size("sequence")) {
      problems.push_back({"wrong-shape", "total",
                          "total is " + std::to_string(size("total")) + ", expected past + sequence: " +
                              std::to_string(size("past")) + " + " + std::to_string(size("sequence"))});
    }
  }
  if (sizes.contains("sources") && sizes.contains("batch")) {
    const std::int64_t batch = sizes.at("batch").front().second;
    const std::int64_t sources = sizes.at("sources").front().second;
    if (batch % sources != 0) {
      problems.push_back({"wrong-shape", "batch",
                          "batch is " + std::to_string(batch) + " with " + std::to_string(sources) +
                              " sources, expected a multiple: equally many rows for each source"});
    }
  }
  return problems;
}

/// A row whose mask is not ones, then zeros, where the artefact promises right answers for such masks alone.
Problems mask_problems(const std::map<std::string, const Input*>& arrays, const Artefact& artefact) {
  if (artefact.mask != kRightPadded) return {};
  const auto wrong = first_not_right_padded(*arrays.at("attention_mask"));
  if (!wrong) return {};
  return {{"wrong-mask", "attention_mask",
           "attention_mask is not right padded in row " + std::to_string(*wrong) + ", expected ones, then zeros: the " +
               artefact.target +
               " artefact answers no other mask right; pad on the right, or load a target whose masks are any"}};
}

/// Outputs by name, of arrays that fit.
std::map<std::string, FloatArray> run_named(const Engine& engine, std::span<const Input> arrays,
                                            std::span<const TensorSpec> specs) {
  std::vector<std::string> names;
  for (const TensorSpec& spec : specs) names.push_back(spec.name);
  std::vector<FloatArray> outputs = engine.run(arrays, names);
  std::map<std::string, FloatArray> named;
  for (std::size_t i = 0; i < names.size(); ++i) named.emplace(names[i], std::move(outputs[i]));
  return named;
}

}  // namespace

Problems feed_problems(std::span<const Input> arrays, std::span<const TensorSpec> inputs, std::int64_t max_length,
                       const Artefact* artefact) {
  Problems problems;
  const auto given = by_name(arrays, problems);
  std::map<std::string, const TensorSpec*> specs;
  std::vector<std::string> known;
  for (const TensorSpec& spec : inputs) {
    specs[spec.name] = &spec;
    known.push_back(spec.name);
  }
  std::set<std::string> names(known.begin(), known.end());
  for (const auto& [name, array] : given) names.insert(name);
  for (const std::string& name : names) {
    if (!specs.contains(name) || !given.contains(name)) {
      const std::string what = specs.contains(name) ? "missing" : "unknown";
      problems.push_back(
          {what + "-input", name, what + " input " + in_json(name) + "; the inputs are " + joined(known)});
      continue;
    }
    const Problems own = array_problems(*given.at(name), *specs.at(name), max_length);
    problems.insert(problems.end(), own.begin(), own.end());
  }
  if (problems.empty()) problems = axis_problems(given, inputs);
  return problems.empty() && artefact ? mask_problems(given, *artefact) : problems;
}

std::map<std::string, FloatArray> run_checked(const Engine& engine, std::span<const Input> arrays,
                                              const Artefact& artefact, std::int64_t max_length) {
  raise_input_problems(feed_problems(arrays, artefact.inputs, max_length, &artefact));
  return run_named(engine, arrays, artefact.outputs);
}

std::map<std::string, FloatArray> run_checked(const Engine& engine, std::span<const Input> arrays, const Graph& graph,
                                              std::int64_t max_length) {
  raise_input_problems(feed_problems(arrays, graph.inputs, max_length, nullptr));
  return run_named(engine, arrays, graph.outputs);
}

}  // namespace bert_runtime
