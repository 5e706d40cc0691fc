// From the logits of BERT's next sentence head to a probability: what pretraining shares.
#pragma once

#include <string_view>

#include "bert_runtime/tensor.h"

namespace bert_runtime {

/// The probability that the second text follows the first, from logits of shape (2,): "is next", then "is not", the
/// order of BERT's pretraining. Throws BackendError: another shape, or a value that is not finite; `name` is the
/// graph's output.
[[nodiscard]] double next_score(const FloatArray& logits, std::string_view name);

}  // namespace bert_runtime
