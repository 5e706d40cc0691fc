// What a target is: which artefacts an engine takes, and where it computes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bert_runtime {

/// An engine on a device; the table is made from Python's `bert_runtime.targets`.
struct Target {
  std::string name;                     ///< In manifests and commands.
  std::vector<std::string> precisions;  ///< Those that artefacts are made in.
  std::string provider;                 ///< ONNX Runtime's execution provider for its graphs.
  std::string module;                   ///< The engine; this runtime has "onnxruntime" alone.
  int auto_rank = 0;                    ///< Of equal precisions, `auto` prefers the smallest.
  bool is_on_gpu = false;
  bool has_profile = false;          ///< Whether its engine is built for a range of sizes.
  bool has_fused_operators = false;  ///< Whether its graphs hold ONNX Runtime's own operators.

  /// Whether this runtime has the engine.
  [[nodiscard]] bool is_runnable() const { return module == "onnxruntime"; }
};

/// Every target, in the order of the documents.
[[nodiscard]] const std::vector<Target>& targets();

/// The target of this name, or null.
[[nodiscard]] const Target* find_target(std::string_view name);

/// The names of all targets, or of those that this runtime runs.
[[nodiscard]] std::vector<std::string> target_names(bool runnable_only = false);

}  // namespace bert_runtime
