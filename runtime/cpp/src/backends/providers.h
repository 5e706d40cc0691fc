// The execution providers of ONNX Runtime that a target names.
#pragma once

#include <string>

#include "backends/library.h"

namespace bert_runtime {

/// ONNX Runtime's own provider, which every build of it has.
inline constexpr const char* kCpuProvider = "CPUExecutionProvider";

/// The provider of the target of this name; where there is no such target, kCpuProvider.
[[nodiscard]] std::string provider_name(const std::string& target);

/// Adds the target's provider to a session's options, and refuses that any part of the graph runs elsewhere.
///
/// Throws BackendError: this ONNX Runtime has not the provider, or cannot start it here.
void add_provider(const Library& library, OrtSessionOptions* options, const std::string& target);

}  // namespace bert_runtime
