// Two artefacts for one engine: one is faster and answers right-padded masks alone, the other answers every mask.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "bert_runtime/backends/engine.h"

namespace bert_runtime {

/// The first row of a mask, int64 of (..., sequence), that is not ones, then zeros, with one 1 at least; nothing if all
/// are.
[[nodiscard]] std::optional<std::int64_t> first_not_right_padded(const Input& mask);

/// The artefact for any mask is loaded by the first call that needs it: most programs never do.
class EngineByMask final : public Engine {
 public:
  using Start = std::function<std::shared_ptr<const Engine>()>;

  /// `right_padded` is loaded; `start_any` loads the other one: it may throw, and be called again.
  EngineByMask(std::shared_ptr<const Engine> right_padded, Start start_any);

  [[nodiscard]] const std::string& name() const override { return right_padded_->name(); }
  [[nodiscard]] std::vector<FloatArray> run(std::span<const Input> feeds,
                                            std::span<const std::string> fetch) const override;
  void run_into(std::span<const Input> feeds, std::span<const Output> outputs) const override;

 private:
  [[nodiscard]] const Engine& engine(std::span<const Input> feeds) const;

  std::shared_ptr<const Engine> right_padded_;
  Start start_any_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const Engine> any_;  ///< Never replaced once it is there.
};

}  // namespace bert_runtime
