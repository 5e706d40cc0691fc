// One sequence of logits from those of overlapping windows.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bert_runtime/utf8.h"

namespace bert_runtime {

/// One row of `labels` logits for each token, from the window where it has most neighbours on its poorer side.
///
/// That cuts the overlap of two windows in the middle; a tie goes to the earlier window. `parts[i]` is of shape (tokens
/// of window i, labels). Pure.
[[nodiscard]] std::vector<float> merge(std::span<const Span> windows, std::span<const std::span<const float>> parts,
                                       std::size_t labels);

}  // namespace bert_runtime
