#include <doctest/doctest.h>

#include <cmath>
#include <deque>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "backends/onnxruntime.h"
#include "bert_runtime/json_session.h"
#include "golden.h"
#include "strict_json.h"

using namespace bert_runtime;

namespace {

using Value = nlohmann::json;

constexpr double kTolerance = 1e-5;

Value cases(const std::string& name) {
  std::ifstream file(golden::path(name) + ".json");
  return strict_loads(std::string(std::istreambuf_iterator<char>(file), {}), name + ".json");
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

void check_close(std::span<const float> found, const std::vector<double>& expected) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    REQUIRE(std::abs(found[i] - expected[i]) <= kTolerance * std::max(1.0, std::abs(expected[i])));
  }
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
    check_close(outputs[n].values, expected);
  }
}

}  // namespace

TEST_CASE("the graph of every golden bundle gives the outputs that Python wrote down, within 1e-5") {
  for (const std::string& name : golden::names()) {
    CAPTURE(name);
    const Bundle bundle = read_bundle(golden::path(name));
    const bool is_autoregressive = find_task(bundle.manifest.task).is_autoregressive;
    const OnnxRuntimeEngine engine(bundle.directory / bundle.manifest.artefacts.front().file, {});
    for (const Value& each : cases(name)) {
      REQUIRE((is_autoregressive || !each.at("rows").empty()));  // a prompt of one token has nothing before it
      for (const Value& row : each.at("rows")) check_row(engine, bundle, row);
    }
  }
}

TEST_CASE("the graph of a source gives the keys and values that Python wrote down, within 1e-5") {
  const auto session = load<TextGeneration>(golden::path(golden::kFromSource), {.threads = 1});
  int checked = 0;
  for (const Value& each : cases(golden::kFromSource)) {
    std::vector<float> hidden;
    const Value& states = each.at("request").at("encoder_text").at("hidden");
    flatten(states, hidden);
    const Shape shape = {1, static_cast<std::int64_t>(states.size()), static_cast<std::int64_t>(states[0].size())};
    const Input input = {"encoder_hidden_states", shape, std::span<const float>(hidden)};
    const auto found = session.run_source({&input, 1});
    for (const Value& row : each.at("rows")) {
      for (const auto& [name, values] : found) {
        std::vector<double> expected;
        flatten(row.at("inputs").at(name), expected);
        check_close(values.values, expected);
        ++checked;
      }
    }
  }
  CHECK(checked >= 8);
}

TEST_CASE("the texts of golden requests with sources are those of Python") {
  const JsonSession session(golden::path(golden::kFromSource), {.threads = 1});
  for (const Value& each : cases(golden::kFromSource)) {
    const Value answer = Value::parse(session(each.at("request").dump()));
    const Value& expected = each.at("answer").at("sequences");
    REQUIRE(answer.at("sequences").size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const Value& found = answer.at("sequences")[i];
      for (const char* key : {"text", "token_ids", "finish_reason"}) CHECK(found.at(key) == expected[i].at(key));
      if (!expected[i].at("score").is_null()) {
        CHECK(std::abs(found.at("score").get<double>() - expected[i].at("score").get<double>()) <= kTolerance);
      }
    }
  }
}
