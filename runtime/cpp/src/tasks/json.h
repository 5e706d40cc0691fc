// Requests from JSON and results to JSON, for each task: instantiated in the task's own source.
#pragma once

#include "json_text.h"

namespace bert_runtime {

/// The request that a JSON object describes. Throws InputError: missing or unknown keys, and every wrong type or value,
/// in the words of the Python runtime.
template <class T>
[[nodiscard]] typename T::Request request_from_json(const Json& record);

/// A result as JSON has it: the keys and the order of the Python runtime.
template <class T>
[[nodiscard]] Json result_to_json(const typename T::Result& result);

}  // namespace bert_runtime
