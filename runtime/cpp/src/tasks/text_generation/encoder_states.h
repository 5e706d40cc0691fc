// The states of an encoder as a JSON record writes them.
#pragma once

#include <string>
#include <vector>

#include "bert_runtime/tasks/encoder_states.h"
#include "json_text.h"

namespace bert_runtime {

/// The states that a JSON object describes: `hidden` as lists of numbers, and `mask`, which may be left out.
///
/// Throws InputError: other keys, what is no list of numbers, and all that is wrong with the values; in the words of
/// the Python runtime.
[[nodiscard]] EncoderStates read_states(const Json& record);

}  // namespace bert_runtime
