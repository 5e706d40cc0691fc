// What the classification heads check: that labels are there, and that logits are finite and belong to them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bert_runtime/task.h"
#include "bert_runtime/tensor.h"

namespace bert_runtime {

/// Throws BundleError where the bundle has no labels, or one of them is blank.
void require_labels(std::string_view task, const HeadSettings& settings);

/// The output `logits` of one row, checked: (labels,), or (tokens, labels) where `tokens` is given.
/// Throws BackendError: the shape is another one, or a logit is not finite: no score could be made of it.
[[nodiscard]] const FloatArray& labelled_logits(const Outputs& outputs, const std::vector<std::string>& labels,
                                                std::optional<std::int64_t> tokens = std::nullopt);

}  // namespace bert_runtime
