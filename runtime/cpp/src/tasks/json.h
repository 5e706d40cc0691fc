// Requests from JSON and results to JSON, for each task: instantiated in the task's own source.
#pragma once

#include <string>
#include <vector>

#include "json_text.h"

namespace bert_runtime {

/// The request that a JSON object describes. Throws InputError: missing or unknown keys, and every wrong type or value,
/// in the words of the Python runtime.
template <class T>
[[nodiscard]] typename T::Request request_from_json(const Json& record);

/// What a field of a request holds.
enum class FieldKind { text, integer, number, boolean, texts };

/// One field of a task's request.
struct RequestField {
  std::string name;
  FieldKind kind;
  bool is_required;
};

/// The fields of a task's request, in order.
template <class T>
[[nodiscard]] std::vector<RequestField> request_fields();

/// A result as JSON has it: the keys and the order of the Python runtime.
template <class T>
[[nodiscard]] Json result_to_json(const typename T::Result& result);

}  // namespace bert_runtime
