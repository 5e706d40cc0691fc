// What a session asks of an engine.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "bert_runtime/export.h"
#include "bert_runtime/tensor.h"

namespace bert_runtime {

/// An artefact, loaded and ready. Both verbs may be called from several threads at once.
class BERT_RUNTIME_API Engine {
 public:
  Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  virtual ~Engine();

  /// The engine and where it runs, for people: `onnxruntime 1.31.1 CPUExecutionProvider`.
  [[nodiscard]] virtual const std::string& name() const = 0;

  /// The outputs named in `fetch`, in that order, with their batch axis; each keeps its values alive.
  /// Throws BackendError: the engine refused.
  [[nodiscard]] virtual std::vector<FloatArray> run(std::span<const Input> feeds,
                                                    std::span<const std::string> fetch) const = 0;

  /// Writes outputs into memory of their shapes: inputs and outputs are read and written where they lie, and none
  /// shares memory with another. Throws BackendError: the engine refused.
  virtual void run_into(std::span<const Input> feeds, std::span<const Output> outputs) const = 0;
};

}  // namespace bert_runtime
