// Values as Python's repr() shows them: error texts are the same in both languages.
#pragma once

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>

#include "json_text.h"

namespace bert_runtime {

/// A string in quotes, with escapes for what cannot be printed. `text` is UTF-8, perhaps with lone surrogates.
[[nodiscard]] std::string repr(std::string_view text);

/// The shortest digits that read back as the same double.
[[nodiscard]] std::string repr(double value);

/// None, True, numbers, strings, lists and dicts. J is Json or nlohmann::json.
template <class J>
[[nodiscard]] std::string repr_json(const J& value);

/// JSON turns into a double by itself where a double is wanted: this call is a mistake.
template <class J>
  requires std::same_as<J, Json> || std::same_as<J, nlohmann::json>
std::string repr(const J& value) = delete;

extern template std::string repr_json(const Json&);
extern template std::string repr_json(const nlohmann::json&);

/// The first `characters` code points of `text`: what the format `:.60` leaves.
[[nodiscard]] std::string cut(std::string_view text, std::size_t characters = 60);

/// The name of a JSON value's type in Python: NoneType, bool, int, float, str, list or dict.
[[nodiscard]] std::string_view type_name(const Json& value);

}  // namespace bert_runtime
