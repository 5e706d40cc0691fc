// Heads by the name of their task, with everything in JSON: what the shared cases and the comparison with Python need.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bert_runtime/errors.h"
#include "bert_runtime/tasks/tasks.h"
#include "json_text.h"

namespace bert_runtime {

/// What one question to a head holds: its task, the tokenizer's file and its record, the settings, the request, and the outputs of
/// each row, name -> nested lists of numbers (null: not a number), or {"shape", "values"} flat.
struct HeadQuestion {
  std::string task;
  std::string tokenizer;
  TokenizerRecord record;
  Json settings = Json::object();
  Json request = Json::object();
  Json outputs = Json::array();
};

/// The rows that the model reads, and the result.
struct HeadAnswer {
  Json features = Json::array();
  Json result;
};

/// Throws what the head throws.
[[nodiscard]] HeadAnswer ask_head(const HeadQuestion& question);

/// The request, read and checked. Throws InputError.
void check_request(const std::string& task, const Json& record);

[[nodiscard]] HeadSettings settings_of(const Json& record);

/// float32 of a nested list, or of {"shape", "values"}; null is NaN, and an empty list no masks in a vocabulary of one.
[[nodiscard]] FloatArray array_of(const Json& values);

/// {"kind", "faults", "message"}: the kind as Python names it, and [code, field] of each problem.
[[nodiscard]] Json error_of(const BertError& error);

}  // namespace bert_runtime
