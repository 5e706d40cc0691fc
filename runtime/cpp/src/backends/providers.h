// The execution providers of ONNX Runtime that a target names.
#pragma once

#include <map>
#include <string>

#include "backends/library.h"

namespace bert_runtime {

/// ONNX Runtime's own provider, which every build of it has.
inline constexpr const char* kCpuProvider = "CPUExecutionProvider";

/// The provider of the target of this name; where there is no such target, kCpuProvider.
[[nodiscard]] std::string provider_name(const std::string& target);

/// Options of a provider, in ONNX Runtime's words.
using ProviderOptions = std::map<std::string, std::string>;

/// Adds the target's provider to a session's options; `own` are its options beyond those that every engine has. What the
/// provider does not take, ONNX Runtime gives to the CPU: see check_assignment.
///
/// Throws BackendError: this ONNX Runtime has not the provider, or cannot start it here.
void add_provider(const Library& library, OrtSessionOptions* options, const std::string& target,
                  const ProviderOptions& own);

}  // namespace bert_runtime
