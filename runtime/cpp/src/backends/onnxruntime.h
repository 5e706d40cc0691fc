// ONNX Runtime on the CPU or on a GPU, without a silent change of provider.
#pragma once

#include <onnxruntime_c_api.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backends/library.h"
#include "backends/providers.h"
#include "bert_runtime/backends/engine.h"
#include "process.h"

namespace bert_runtime {

/// Where an ONNX file runs, and with how many threads.
struct Placement {
  std::string target = {};                  ///< Of the artefact; none: the CPU's provider.
  std::int64_t threads = 1;                 ///< Of one run.
  std::optional<std::string> library = {};  ///< The path of ONNX Runtime; see open_onnxruntime.
  ProviderOptions provider = {};            ///< Options of the target's provider.
  bool is_recorded = false;                 ///< Whether ONNX Runtime keeps a record of the first run; see first_run.
};

/// One ONNX file on ONNX Runtime.
class OnnxRuntimeEngine final : public Engine {
 public:
  /// Loads `model`. Whether a GPU's provider took the whole graph is known after `prove`.
  ///
  /// Throws BackendError: ONNX Runtime is missing, too old, or has not the provider; BundleError: it cannot load the
  /// file.
  OnnxRuntimeEngine(const std::filesystem::path& model, const Placement& placement);
  OnnxRuntimeEngine(const OnnxRuntimeEngine&) = delete;
  OnnxRuntimeEngine& operator=(const OnnxRuntimeEngine&) = delete;
  ~OnnxRuntimeEngine() override;

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::vector<FloatArray> run(std::span<const Input> feeds,
                                            std::span<const std::string> fetch) const override;
  void run_into(std::span<const Input> feeds, std::span<const Output> outputs) const override;

  /// Runs a small batch, of an engine that is recorded, once: a provider may start without code for the GPU, or leave the
  /// network to the CPU. Throws BackendError: it fails, does not run on the provider, or its numbers are not finite.
  void prove(std::span<const Input> feeds, std::span<const std::string> fetch) const;

  /// ONNX Runtime's record, as JSON, of the runs until now, of an engine that is recorded; nothing is recorded afterwards.
  [[nodiscard]] std::string record() const;

 private:
  const Library& library_;
  const OrtApi& api_;
  std::string name_;
  std::string provider_;
  std::shared_ptr<OrtSession> session_;
  std::shared_ptr<OrtMemoryInfo> memory_;
  Process process_;
};

}  // namespace bert_runtime
