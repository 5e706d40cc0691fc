// What makes scores of a text classifier's logits: nothing, a sigmoid of each, or a softmax over all.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bert_runtime/export.h"
#include "bert_runtime/task.h"

namespace bert_runtime {

/// A function from logits to scores, both of shape (labels,).
struct Activation {
  std::string_view name;
  std::vector<double> (*scores)(std::span<const float>);
  /// What a threshold in 0..1 is compared with: the scores, or of raw logits their sigmoid.
  std::vector<double> (*probabilities)(std::span<const float>);
  std::size_t least_labels;  ///< So many it needs to say anything.
};

/// The one with this name; null where none has it.
[[nodiscard]] const Activation* find_activation(std::string_view name);

/// The activation of a head: the one that its settings name, else the default of its problem type; nothing where a task
/// has none.
[[nodiscard]] BERT_RUNTIME_API std::optional<std::string> activation_of(const HeadSettings& settings);

/// Why an activation means nothing for so many labels; nothing where it does mean something or has another name.
[[nodiscard]] std::optional<std::string> misfit(std::string_view name, std::size_t labels);

}  // namespace bert_runtime
