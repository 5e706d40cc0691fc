#include "bert_runtime/loading.h"

#include <future>
#include <iostream>
#include <utility>

#include "backends/by_mask.h"
#include "backends/early_opening.h"
#include "backends/onnxruntime.h"
#include "backends/select.h"
#include "backends/small_batch.h"
#include "backends/tensorrt.h"
#include "bert_runtime/encoder.h"
#include "bert_runtime/limits.h"
#include "cpus.h"
#include "generation/sources.h"
#include "in_json.h"
#include "target.h"

namespace bert_runtime {
namespace {

void refuse_needless_encoder(const Bundle& bundle, const Artefact& artefact, const Options& options) {
  if (!options.encoder || artefact.cross_kv_graph) return;
  throw InputError("an encoder is given (" + options.encoder->string() + "), expected none: the bundle in " +
                   bundle.directory.string() + " reads no encoder");
}

/// Where what a decoder reads besides its prompt comes from; null for one that reads no encoder.
std::shared_ptr<const Sources> sources(const Bundle& bundle, const Artefact& artefact, const Options& options,
                                       const Placement& placement) {
  if (!artefact.cross_kv_graph) return nullptr;
  std::optional<Encoder> encoder;
  if (options.encoder) {
    Options own = options;
    own.target = "auto";
    own.mode = "latency";
    own.encoder.reset();
    encoder.emplace(load<FeatureExtraction>(*options.encoder, own));
  }
  const Graph& graph = *artefact.cross_kv_graph;
  auto engine = std::make_shared<OnnxRuntimeEngine>(bundle.directory / graph.file, placement);
  if (placement.is_recorded) prove(*engine, graph.inputs, graph.outputs, bundle.manifest.sizes);
  return std::make_shared<Sources>(*artefact.cross_kv_graph, std::move(engine), bundle.manifest.sizes,
                                   std::move(encoder));
}

/// The artefact on its engine; on a GPU after it has answered a small batch.
std::shared_ptr<const Engine> started(const Bundle& bundle, const Artefact& artefact, const Options& options,
                                      Placement placement) {
  if (!placement.target.empty() && find_target(placement.target)->has_profile) {
    placement.provider =
        tensorrt_options(bundle, artefact, options.batch_limits, options.cache, open_onnxruntime(placement.library));
  }
  auto engine = std::make_shared<OnnxRuntimeEngine>(bundle.directory / artefact.file, placement);
  if (placement.is_recorded) prove(*engine, artefact.inputs, artefact.outputs, bundle.manifest.sizes);
  return engine;
}

/// The artefact's engine; with one for right-padded masks beside it, both, of which the other is loaded later.
std::shared_ptr<const Engine> engine_of(const Bundle& bundle, const Choice& choice, const Options& options,
                                        const Placement& placement) {
  if (!choice.right_padded) return started(bundle, *choice.artefact, options, placement);
  return std::make_shared<EngineByMask>(
      started(bundle, *choice.right_padded, options, placement),
      [bundle, options, placement, any = *choice.artefact] { return started(bundle, any, options, placement); });
}

}  // namespace

std::vector<Problem> Options::problems() const {
  Problems found = batch_limits.problems();
  if (threads && (*threads < 1 || *threads > kMostThreads)) {
    found.push_back({"out-of-range", "threads",
                     "threads is " + std::to_string(*threads) + ", expected 1 to " + std::to_string(kMostThreads)});
  }
  if (mode != "auto" && mode != "latency" && mode != "throughput") {
    found.push_back(
        {"not-a-choice", "mode", "mode is " + in_json(mode) + ", expected one of auto, latency, throughput"});
  }
  return found;
}

SessionParts start(const Bundle& bundle, const Options& options) {
  raise_input_problems(options.problems());
  const auto to_standard_error = [](const std::string& text) { std::cerr << "bert_runtime: warning: " + text + "\n"; };
  const bool is_bulk = options.mode == "throughput";
  if (is_bulk && bundle.manifest.task == TextGeneration::task().name) {
    throw InputError("mode is 'throughput', expected latency: each token of a text waits for the one before");
  }
  const std::int64_t threads = options.threads.value_or(available_cpus());
  const auto warn = options.warn ? options.warn : to_standard_error;
  const Choice choice = select(bundle.manifest, options.target, warn);
  const Artefact& artefact = *choice.artefact;
  refuse_needless_encoder(bundle, artefact, options);
  const Placement placement = {.target = options.target == "auto" ? std::string() : artefact.target,
                               .threads = is_bulk ? 1 : threads,
                               .library = options.onnxruntime,
                               .is_recorded = options.target != "auto" && find_target(artefact.target)->is_on_gpu};
  // The graph and the vocabulary take equally long: each on a thread of its own. What is wrong with the text is told first.
  std::future<std::shared_ptr<const Engine>> loading =
      std::async(std::launch::async, [&] { return engine_of(bundle, choice, options, placement); });
  const TokenizerRecord& record = bundle.manifest.tokenizer;
  TextEncoder text = TextEncoder::from_file(bundle.directory / record.file, record);
  std::shared_ptr<const Engine> engine = loading.get();
  const std::string faults = known_faults(open_onnxruntime(options.onnxruntime).version);
  if (!faults.empty()) warn(faults);
  auto read = sources(bundle, artefact, options, placement);
  return {bundle.manifest,      artefact,        std::move(text),      std::move(engine),
          options.batch_limits, std::move(read), is_bulk ? threads : 1};
}

SessionParts start(const std::filesystem::path& path, const Task& task, const Options& options) {
  const EarlyOpening opening(options.onnxruntime);
  const Bundle bundle = read_bundle(path);
  if (bundle.manifest.task != task.name) {
    throw BundleError(
        Problem("wrong-task", "task",
                path.string() + ": the bundle's task is " + bundle.manifest.task + ", expected " + task.name));
  }
  return start(bundle, options);
}

}  // namespace bert_runtime
