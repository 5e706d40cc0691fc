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
#include "bert_runtime/backends/engine.h"
#include "process.h"

namespace bert_runtime {

/// Where an ONNX file runs, and with how many threads.
struct Placement {
  std::string target = {};                  ///< Of the artefact; none: the CPU's provider.
  std::int64_t threads = 1;                 ///< Of one run.
  std::optional<std::string> library = {};  ///< The path of ONNX Runtime; see open_onnxruntime.
};

/// One ONNX file on ONNX Runtime.
class OnnxRuntimeEngine final : public Engine {
 public:
  /// Loads `model`. A GPU's provider takes the whole graph, or the load fails: no node falls back to the CPU.
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

 private:
  const Library& library_;
  const OrtApi& api_;
  std::string name_;
  std::shared_ptr<OrtSession> session_;
  std::shared_ptr<OrtMemoryInfo> memory_;
  Process process_;
};

}  // namespace bert_runtime
