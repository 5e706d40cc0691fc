// ONNX Runtime's statuses as errors, in the words of its Python package.
#pragma once

#include <onnxruntime_c_api.h>

#include <string>

namespace bert_runtime {

/// The first line of a status, which is freed.
[[nodiscard]] std::string message(const OrtApi& api, OrtStatus* status);

/// Throws BackendError that begins with `what` when there is a status; frees it.
void check(const OrtApi& api, OrtStatus* status, const std::string& what);

}  // namespace bert_runtime
