// The states of an encoder as a JSON record writes them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bert_runtime/errors.h"
#include "bert_runtime/tasks/encoder_states.h"
#include "json_text.h"

namespace bert_runtime {

/// The states that a JSON object describes: `hidden` as lists of numbers, and `mask`, which may be left out.
///
/// Notes what is wrong with the arrays, and gives nothing then. Throws InputError: other keys, and what is no list of
/// numbers; in the words of the Python runtime.
[[nodiscard]] std::optional<EncoderStates> read_states(const Json& record, Problems& problems);

}  // namespace bert_runtime
