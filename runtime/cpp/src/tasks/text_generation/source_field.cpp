#include "tasks/text_generation/source_field.h"

#include <utility>

#include "tasks/text_generation/encoder_states.h"

namespace bert_runtime {

void note_mistakes(std::string_view name, const SourceField& source, Problems& problems) {
  if (!source) return;
  if (const auto* text = std::get_if<std::string>(&*source)) return note_mistakes(name, *text, problems);
  const Problems found = std::get<EncoderStates>(*source).problems();
  problems.insert(problems.end(), found.begin(), found.end());
}

void read_field(std::string_view name, const Json& value, SourceField& out, Problems& problems) {
  if (value.is_object()) {
    if (auto states = read_states(value, problems)) out = std::move(*states);
  } else if (value.is_string()) {
    read_field(name, value, std::get<std::string>(out.emplace()), problems);
  } else if (!value.is_null()) {
    problems.push_back(expected(name, value, "a string or EncoderStates"));
  }
}

}  // namespace bert_runtime
