#include <doctest/doctest.h>

#include <atomic>
#include <cmath>
#include <fstream>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "backends/by_mask.h"
#include "backends/onnxruntime.h"
#include "backends/select.h"
#include "golden.h"
#include "strict_json.h"

using namespace bert_runtime;

namespace {

using Mask = std::vector<std::vector<std::int64_t>>;

const Mask kRight = {{1, 1, 1, 1, 1}, {1, 1, 0, 0, 0}};
const std::vector<Mask> kOthers = {{{0, 0, 1, 1, 1}, {1, 1, 1, 1, 1}}, {{1, 0, 1, 0, 1}, {1, 1, 0, 0, 0}}};
const std::vector<std::string> kLogits = {"logits"};

/// Ids, types and a mask, with memory of their own.
struct Batch {
  explicit Batch(const Mask& mask) : rows(mask) {
    const Shape shape = {static_cast<std::int64_t>(mask.size()), static_cast<std::int64_t>(mask.front().size())};
    for (const auto& row : mask) shown.insert(shown.end(), row.begin(), row.end());
    for (std::size_t i = 0; i < shown.size(); ++i) ids.push_back(static_cast<std::int64_t>(5 + i));
    types.assign(shown.size(), 0);
    arrays = {{"input_ids", shape, std::span<const std::int64_t>(ids)},
              {"attention_mask", shape, std::span<const std::int64_t>(shown)},
              {"token_type_ids", shape, std::span<const std::int64_t>(types)}};
  }

  Mask rows;
  std::vector<std::int64_t> ids, shown, types;
  std::vector<Input> arrays;
};

std::shared_ptr<const Engine> engine_of(const std::string& file) {
  return std::make_shared<OnnxRuntimeEngine>(golden::path(golden::kByMask) + "/" + file, Placement{});
}

/// The largest difference at the tokens that the mask shows from what the artefact for any mask answers.
double difference(const Engine& engine, const Mask& mask) {
  const Batch batch(mask);
  const auto expected = engine_of("model.onnx")->run(batch.arrays, kLogits);
  const auto found = engine.run(batch.arrays, kLogits);
  const std::size_t width = found[0].values.size() / batch.shown.size();
  double largest = 0;
  for (std::size_t i = 0; i < found[0].values.size(); ++i) {
    if (!batch.shown[i / width]) continue;
    largest = std::max(largest, std::abs(static_cast<double>(found[0].values[i]) - expected[0].values[i]));
  }
  return largest;
}

}  // namespace

TEST_CASE("each mask is answered by its artefact, and the one for any mask is loaded when one comes, once") {
  std::atomic<int> started = 0;
  const EngineByMask engine(engine_of("model.right_padded.onnx"), [&] {
    ++started;
    return engine_of("model.onnx");
  });
  CHECK(difference(engine, kRight) < 1e-5);
  CHECK(started == 0);
  for (const Mask& mask : kOthers) CHECK(difference(*engine_of("model.right_padded.onnx"), mask) > 0.01);
  {
    std::vector<std::jthread> threads;
    for (int n = 0; n < 6; ++n) {
      threads.emplace_back([&, n] { CHECK(difference(engine, n % 3 ? kOthers[n % 2] : kRight) < 1e-5); });
    }
  }
  CHECK(started == 1);
}

TEST_CASE("an artefact that cannot be loaded is an error of the call, and tried again") {
  int tries = 0;
  const EngineByMask engine(engine_of("model.right_padded.onnx"), [&] {
    if (++tries == 1) throw BackendError("out of memory");
    return engine_of("model.onnx");
  });
  CHECK_THROWS_WITH_AS((void)engine.run(Batch(kOthers[0]).arrays, kLogits), "out of memory", BackendError);
  CHECK(difference(engine, kOthers[0]) < 1e-5);
  CHECK(tries == 2);
}

TEST_CASE("a named GPU takes both artefacts, a CPU the one for any mask, in whichever order they stand") {
  Manifest manifest = read_bundle(golden::path(golden::kByMask)).manifest;
  for (int turn = 0; turn < 2; ++turn) {
    const Choice gpu = select(manifest, "cuda", {});
    CHECK(gpu.artefact->file == "model.onnx");
    CHECK(gpu.right_padded->file == "model.right_padded.onnx");
    std::string warned;
    const Choice cpu = select(manifest, "auto", [&](const std::string& text) { warned = text; });
    CHECK(cpu.artefact->file == "model.onnx");
    CHECK(cpu.right_padded == nullptr);
    CHECK(warned.starts_with("the bundle holds only cuda; its cuda file runs on ONNX Runtime's CPU provider here"));
    std::swap(manifest.artefacts[0], manifest.artefacts[1]);
  }
}

TEST_CASE("where only right-padded masks are answered, others are refused in the words of Python") {
  const std::string path = std::string(BERT_RUNTIME_CASES) + "/attention_masks.json";
  std::ifstream file(path);
  const auto shared = strict_loads(std::string(std::istreambuf_iterator<char>(file), {}), path);
  SessionParts parts = start(read_bundle(golden::path(golden::kByMask)), {.threads = 1, .warn = [](const auto&) {}});
  parts.artefact.mask = kRightPadded;
  const Session<TokenClassification> session(std::move(parts));
  for (const auto& each : shared.at("cases")) {
    const Batch batch(each.at("mask").get<Mask>());
    if (each.at("row").is_null()) {
      CHECK(session.run(batch.arrays).size() == 1);
      continue;
    }
    std::string told = shared.at("error").get<std::string>();
    told.replace(told.find("{row}"), 5, std::to_string(each.at("row").get<int>()));
    CHECK_THROWS_WITH_AS((void)session.run(batch.arrays), told.c_str(), InputError);
  }
}
