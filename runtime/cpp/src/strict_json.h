// JSON from a stranger: everything that two parsers could read differently, or that could exhaust one, is an error.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace bert_runtime {

/// The value that UTF-8 encoded JSON text stands for; `name` is the file's name, for messages.
///
/// Throws BundleError: broken UTF-8 or JSON, a repeated key, a number that is no finite double, an integer of more than
/// 20 characters, a lone surrogate, or nesting deeper than 64. An integer beyond 64 bits is a `binary` value: see Json.
[[nodiscard]] nlohmann::json strict_loads(std::string_view content, std::string_view name);

}  // namespace bert_runtime
