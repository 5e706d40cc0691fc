// Values in messages, as JSON writes them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "json_text.h"

namespace bert_runtime {

/// A string in quotes, with JSON's escapes. `text` is UTF-8, perhaps with lone surrogates.
[[nodiscard]] std::string in_json(std::string_view text);

/// The shortest digits that read back as the same double; NaN and Infinity by these names.
[[nodiscard]] std::string in_json(double value);

[[nodiscard]] std::string in_json(const Json& value);
[[nodiscard]] std::string in_json(const nlohmann::json& value);

/// A literal would be taken for a value of JSON.
[[nodiscard]] inline std::string in_json(const char* text) { return in_json(std::string_view(text)); }
[[nodiscard]] inline std::string in_json(const std::string& text) { return in_json(std::string_view(text)); }

/// The first `characters` code points of `text`.
[[nodiscard]] std::string cut(std::string_view text, std::size_t characters = 60);

/// What kind of value it is: null, boolean, number, string, list or object.
[[nodiscard]] std::string_view kind_of(const Json& value);

}  // namespace bert_runtime
