#include "backends/early_opening.h"

#include <exception>

#include "backends/library.h"

namespace bert_runtime {

EarlyOpening::EarlyOpening(const std::optional<std::string>& path) {
  prepare_environment();  // not on the thread: the caller may read the environment meanwhile
  thread_ = std::jthread([path] {
    try {
      (void)open_onnxruntime(path);
    } catch (const std::exception&) {  // told by the next call
    }
  });
}

}  // namespace bert_runtime
