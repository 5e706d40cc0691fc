// The field of a request that names what the decoder reads besides the prompt: how it is checked and read from JSON.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "bert_runtime/tasks/encoder_states.h"
#include "tasks/request.h"

namespace bert_runtime {

using SourceField = std::optional<std::variant<std::string, EncoderStates>>;

/// See tasks/request.h.
void note_mistakes(std::string_view name, const SourceField& source, Problems& problems);

/// A text, or an object with the states of an encoder; see read_states for what it throws.
void read_field(std::string_view name, const Json& value, SourceField& out, Problems& problems);

/// What a flag or a table's cell holds.
[[nodiscard]] inline FieldKind field_kind(const SourceField&) { return FieldKind::text; }

}  // namespace bert_runtime
