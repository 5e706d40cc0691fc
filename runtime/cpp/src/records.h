// Requests as JSON text.
#pragma once

#include <string_view>

#include "json_text.h"

namespace bert_runtime {

/// The object that a line of JSON holds. Throws InputError: broken UTF-8 or JSON, nested too deep, or no object.
[[nodiscard]] Json read_record(std::string_view line);

}  // namespace bert_runtime
