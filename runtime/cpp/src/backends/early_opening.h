// ONNX Runtime's library, opened while something else is done: it takes as long as to read and check a small bundle.
#pragma once

#include <optional>
#include <string>
#include <thread>

namespace bert_runtime {

/// Opens the library on a thread of its own; the destructor waits for it.
///
/// What fails is not told here: whoever needs the library calls `open_onnxruntime`, and meets it again.
class EarlyOpening {
 public:
  /// `path` as `open_onnxruntime` takes it. The environment is prepared before this returns.
  explicit EarlyOpening(const std::optional<std::string>& path);

 private:
  std::jthread thread_;
};

}  // namespace bert_runtime
