// Whether raw arrays fit a graph: so that no engine has to refuse them in its own words.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "bert_runtime/backends/engine.h"
#include "bert_runtime/errors.h"
#include "bert_runtime/manifest.h"
#include "bert_runtime/tensor.h"

namespace bert_runtime {

/// Every name, dtype, rank, length or count of values that a graph with these inputs does not take; else every axis
/// whose sizes contradict; else a mask that the artefact, if one is given, would answer wrongly.
[[nodiscard]] Problems feed_problems(std::span<const Input> arrays, std::span<const TensorSpec> inputs,
                                     std::int64_t max_length, const Artefact* artefact);

/// All outputs of an artefact's own graph, which the engine runs, by name. Throws InputError: every problem of the
/// arrays; BackendError: the engine failed.
[[nodiscard]] std::map<std::string, FloatArray> run_checked(const Engine& engine, std::span<const Input> arrays,
                                                            const Artefact& artefact, std::int64_t max_length);

/// The same of a graph that reads no mask.
[[nodiscard]] std::map<std::string, FloatArray> run_checked(const Engine& engine, std::span<const Input> arrays,
                                                            const Graph& graph, std::int64_t max_length);

}  // namespace bert_runtime
