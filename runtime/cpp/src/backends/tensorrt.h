// Options of ONNX Runtime's TensorRT provider: the sizes that an engine is built for, and where it is kept.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "backends/library.h"
#include "backends/providers.h"
#include "bert_runtime/bundle.h"
#include "bert_runtime/schedule.h"

namespace bert_runtime {

/// The sizes of the bundle's profile, else those that a session's own batches can have; and a folder of the cache for all
/// that an engine depends on but the GPU, whose name ONNX Runtime gives to the engine's file. A `cache` that is not named
/// is the user's own.
///
/// Throws BundleError: the bundle's profile is none; BackendError: the cache cannot be used.
[[nodiscard]] ProviderOptions tensorrt_options(const Bundle& bundle, const Artefact& artefact,
                                               const BatchLimits& limits,
                                               const std::optional<std::filesystem::path>& cache,
                                               const Library& library);

/// This user's folder for engines, made: `bert-export/engines` in $XDG_CACHE_HOME, else in ~/.cache (XDG Base Directory
/// Specification, which ignores a path that is not absolute). What lies in it is loaded without a check.
///
/// Throws BackendError: it cannot be made, or another user may write to it.
[[nodiscard]] std::filesystem::path user_cache();

}  // namespace bert_runtime
