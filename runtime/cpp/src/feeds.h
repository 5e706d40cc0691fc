// Whether raw arrays fit a graph: so that no engine has to refuse them in its own words.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bert_runtime/manifest.h"
#include "bert_runtime/tensor.h"

namespace bert_runtime {

/// Every name, dtype, rank, length or count of values that the graph does not take; else every axis whose sizes
/// contradict.
[[nodiscard]] std::vector<std::string> feed_problems(std::span<const Input> arrays, const Artefact& artefact,
                                                     std::int64_t max_length);

}  // namespace bert_runtime
