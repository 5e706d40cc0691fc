#include <doctest/doctest.h>

#include <cmath>
#include <deque>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "backends/onnxruntime.h"
#include "golden.h"
#include "strict_json.h"

using namespace bert_runtime;

namespace {

using Value = nlohmann::json;

constexpr double kTolerance = 1e-5;

Value cases(const std::string& task) {
  std::ifstream file(golden::path(task) + ".json");
  return strict_loads(std::string(std::istreambuf_iterator<char>(file), {}), task + ".json");
}

/// The shape of nested lists; an axis below an empty one is not written, and comes from `axes`.
Shape shape_of(const Value& value, const TensorSpec& spec, const Manifest& manifest) {
  Shape shape = {1};  // the file holds rows, without the batch axis
  const Value* inner = &value;
  while (shape.size() < spec.axes.size()) {
    const bool is_known = inner && inner->is_array();
    const auto size = manifest.sizes.find(spec.axes[shape.size()]);
    shape.push_back(is_known ? static_cast<std::int64_t>(inner->size()) : size->second);
    inner = is_known && !inner->empty() ? &inner->front() : nullptr;
  }
  return shape;
}

template <class Number>
void flatten(const Value& value, std::vector<Number>& out) {
  if (!value.is_array()) return out.push_back(value.get<Number>());
  for (const Value& item : value) flatten(item, out);
}

/// The inputs of one row; `ints` and `floats` hold their values.
std::vector<Input> inputs(const Value& row, const Bundle& bundle, std::deque<std::vector<std::int64_t>>& ints,
                          std::deque<std::vector<float>>& floats) {
  std::vector<Input> made;
  for (const TensorSpec& spec : bundle.manifest.artefacts.front().inputs) {
    const Value& value = row.at("inputs").at(spec.name);
    Input input = {spec.name, shape_of(value, spec, bundle.manifest), {}};
    if (spec.dtype == "int64") {
      flatten(value, ints.emplace_back());
      input.values = std::span<const std::int64_t>(ints.back());
    } else {
      flatten(value, floats.emplace_back());
      input.values = std::span<const float>(floats.back());
    }
    made.push_back(std::move(input));
  }
  return made;
}

void check_row(const Engine& engine, const Bundle& bundle, const Value& row) {
  std::deque<std::vector<std::int64_t>> ints;
  std::deque<std::vector<float>> floats;
  std::vector<std::string> wanted;
  for (const auto& entry : row.at("outputs").items()) wanted.push_back(entry.key());
  const auto outputs = engine.run(inputs(row, bundle, ints, floats), wanted);
  for (std::size_t n = 0; n < wanted.size(); ++n) {
    std::vector<double> expected;
    flatten(row.at("outputs").at(wanted[n]), expected);
    REQUIRE(outputs[n].values.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      REQUIRE(std::abs(outputs[n].values[i] - expected[i]) <= kTolerance * std::max(1.0, std::abs(expected[i])));
    }
  }
}

}  // namespace

TEST_CASE("the graph of every golden bundle gives the outputs that Python wrote down, within 1e-5") {
  for (const Task* task : tasks()) {
    CAPTURE(task->name);
    const Bundle bundle = read_bundle(golden::path(task->name));
    const OnnxRuntimeEngine engine(bundle.directory / bundle.manifest.artefacts.front().file, {});
    for (const Value& each : cases(task->name)) {
      REQUIRE((task->is_autoregressive || !each.at("rows").empty()));  // a prompt of one token has nothing before it
      for (const Value& row : each.at("rows")) check_row(engine, bundle, row);
    }
  }
}
