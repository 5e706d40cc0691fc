#include "bert_runtime/loading.h"

#include <iostream>
#include <utility>

#include "backends/onnxruntime.h"
#include "backends/select.h"
#include "cpus.h"

namespace bert_runtime {
namespace {

std::string shown(const std::optional<std::int64_t>& id) { return id ? std::to_string(*id) : "None"; }

TextEncoder text_encoder(const Bundle& bundle) {
  const TokenizerRecord& record = bundle.manifest.tokenizer;
  TextEncoder text = TextEncoder::from_file(bundle.directory / record.file, record.max_length);
  if (text.pad_id() != record.pad_id || text.mask_id() != record.mask_id) {
    throw BundleError(record.file + ": the tokenizer has the pad and mask ids " + std::to_string(text.pad_id()) +
                      " and " + shown(text.mask_id()) + ", expected the manifest's " + std::to_string(record.pad_id) +
                      " and " + shown(record.mask_id) + "; export the bundle again");
  }
  return text;
}

/// A decoder with cross-attention needs what no request of this runtime brings.
void refuse_source(const Artefact& artefact) {
  if (!artefact.source) return;
  throw BackendError(artefact.file + ": the decoder reads an encoder through " + artefact.source->file +
                     ", which this runtime does not run yet, expected a decoder without a source; use the Python runtime");
}

}  // namespace

std::vector<std::string> Options::problems() const {
  std::vector<std::string> found = budget.problems();
  if (threads && *threads < 1) found.push_back("threads is " + std::to_string(*threads) + ", expected at least 1");
  return found;
}

SessionParts start(const Bundle& bundle, const Options& options) {
  raise_input_problems(options.problems());
  const auto to_standard_error = [](const std::string& text) {
    std::cerr << "bert_runtime: warning: " + text + "\n";
  };
  const Artefact& artefact =
      select(bundle.manifest, options.target, options.warn ? options.warn : to_standard_error);
  refuse_source(artefact);
  TextEncoder text = text_encoder(bundle);
  const Placement placement = {.target = options.target == "auto" ? "cpu" : artefact.target,
                               .threads = options.threads.value_or(available_cpus()),
                               .library = options.onnxruntime};
  auto engine = std::make_shared<OnnxRuntimeEngine>(bundle.directory / artefact.file, placement);
  return {bundle.manifest, artefact, std::move(text), std::move(engine), options.budget};
}

Bundle read_bundle_of(const std::filesystem::path& path, const Task& task) {
  Bundle bundle = read_bundle(path);
  if (bundle.manifest.task != task.name) {
    throw BundleError(path.string() + ": the bundle's task is " + bundle.manifest.task + ", expected " + task.name);
  }
  return bundle;
}

}  // namespace bert_runtime
