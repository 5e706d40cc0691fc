#include "bert_runtime/tasks/text_generation.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "bert_runtime/errors.h"
#include "python_repr.h"
#include "tasks/json_form.h"
#include "tasks/request.h"
#include "tasks/scores.h"

namespace bert_runtime {
namespace {

/// A field of the settings, reached from the settings themselves or from a request that holds them.
template <class Value>
struct Setting {
  Value GenerationSettings::* member;

  constexpr Value& operator()(GenerationSettings& settings) const { return settings.*member; }
  constexpr const Value& operator()(const GenerationSettings& settings) const { return settings.*member; }
  constexpr Value& operator()(TextGenerationRequest& request) const { return request.settings.*member; }
  constexpr const Value& operator()(const TextGenerationRequest& request) const { return request.settings.*member; }
};

template <class Value>
constexpr auto setting(std::string_view name, Value GenerationSettings::* member) {
  return field(name, Setting<Value>{member});
}

using Settings = GenerationSettings;
constexpr auto kSettings = std::tuple(
    setting("max_new_tokens", &Settings::max_new_tokens), setting("do_sample", &Settings::do_sample),
    setting("temperature", &Settings::temperature), setting("top_k", &Settings::top_k),
    setting("top_p", &Settings::top_p), setting("seed", &Settings::seed), setting("num_beams", &Settings::num_beams),
    setting("num_return_sequences", &Settings::num_return_sequences),
    setting("length_penalty", &Settings::length_penalty), setting("early_stopping", &Settings::early_stopping),
    setting("repetition_penalty", &Settings::repetition_penalty), setting("eos", &Settings::eos),
    setting("special_tokens", &Settings::special_tokens));

/// The source of a request: in JSON a text, or the states of an encoder, which become a text without content here: any
/// source is refused when it is encoded.
struct SourceField {
  const std::optional<std::string>* text;
  std::optional<std::string>* out;
};

struct Source {
  SourceField operator()(TextGenerationRequest& request) const { return {&request.source, &request.source}; }
  SourceField operator()(const TextGenerationRequest& request) const { return {&request.source, nullptr}; }
};

void note_mistakes(std::string_view name, const SourceField& source, Problems& problems) {
  bert_runtime::note_mistakes(name, *source.text, problems);
}

void read_field(std::string_view name, const Json& value, const SourceField& source, Problems& problems) {
  if (value.is_object()) {
    source.out->emplace();
  } else if (value.is_string() || value.is_null()) {
    bert_runtime::read_field(name, value, *source.out, problems);
  } else {
    problems.push_back(expected(name, value, "a string or EncoderStates"));
  }
}

constexpr FieldKind field_kind(const SourceField&) { return FieldKind::text; }

}  // namespace

template <>
struct Fields<GenerationSettings> {
  static constexpr auto list = kSettings;
};

template <>
struct Fields<TextGenerationRequest> {
  static constexpr auto list =
      std::tuple_cat(kSettings, std::tuple(required("prompt", &TextGenerationRequest::prompt),
                                           field("source", Source{})));
};

template <>
struct Fields<GeneratedText> {
  static constexpr auto list =
      std::tuple(field("text", &GeneratedText::text), field("token_ids", &GeneratedText::token_ids),
                 field("finish_reason", &GeneratedText::finish_reason), field("score", &GeneratedText::score));
};

template <>
struct Fields<TextGenerationResult> {
  static constexpr auto list = std::tuple(field("sequences", &TextGenerationResult::sequences));
};

namespace {

constexpr std::array<std::string_view, 3> kSpecialTokens = {"start", "none", "both"};

void note_lane_problems(const GenerationSettings& settings, Problems& problems) {
  const auto note = [&](const std::string& name, std::int64_t value) {
    if (1 <= value && value <= kMostLanes) return;
    problems.push_back(name + " is " + std::to_string(value) + ", expected 1 to " + std::to_string(kMostLanes));
  };
  note("num_beams", settings.num_beams);
  note("num_return_sequences", settings.num_return_sequences);
}

void note_number_problems(const GenerationSettings& settings, Problems& problems) {
  if (!(settings.temperature > 0)) {
    problems.push_back("temperature is " + repr(settings.temperature) +
                       ", expected more than 0; for the most probable token leave do_sample out");
  }
  if (!(settings.repetition_penalty > 0)) {
    problems.push_back("repetition_penalty is " + repr(settings.repetition_penalty) + ", expected more than 0");
  }
  if (settings.top_k < 0) {
    problems.push_back("top_k is " + std::to_string(settings.top_k) + ", expected 0 (all tokens) or more");
  }
  if (!(0 < settings.top_p && settings.top_p <= 1)) {
    problems.push_back("top_p is " + repr(settings.top_p) + ", expected more than 0 and at most 1 (all tokens)");
  }
  if (settings.seed && *settings.seed < 0) {
    problems.push_back("seed is " + std::to_string(*settings.seed) + ", expected 0 or more");
  }
}

void note_contradictions(const GenerationSettings& settings, Problems& problems) {
  const std::string beams = std::to_string(settings.num_beams);
  if (settings.do_sample && settings.num_beams > 1) {
    problems.push_back("do_sample with num_beams " + beams + ", expected one of them: beams are not drawn");
  }
  if (!settings.do_sample && settings.num_return_sequences > std::max<std::int64_t>(settings.num_beams, 1)) {
    problems.push_back("num_return_sequences is " + std::to_string(settings.num_return_sequences) + " with num_beams " +
                       beams + ", expected at most num_beams: raise num_beams, or set do_sample");
  }
}

/// What is wrong with the values, once each is one.
void note_setting_problems(const GenerationSettings& settings, Problems& problems) {
  if (settings.max_new_tokens < 1) {
    problems.push_back("max_new_tokens is " + std::to_string(settings.max_new_tokens) + ", expected at least 1");
  }
  note_lane_problems(settings, problems);
  note_number_problems(settings, problems);
  if (std::ranges::find(kSpecialTokens, settings.special_tokens) == kSpecialTokens.end()) {
    problems.push_back("special_tokens is " + cut(repr(std::string_view(settings.special_tokens))) +
                       ", expected one of start, none, both");
  }
  note_contradictions(settings, problems);
}

void note_length_problems(std::int64_t length, std::int64_t added, std::int64_t most, Problems& problems) {
  if (length == 0) {
    problems.push_back(
        "the prompt holds no token, expected one at least: write a text, or set special_tokens to start");
  }
  if (length >= most) {
    problems.push_back("the prompt has " + std::to_string(length) + " tokens, expected at most " +
                       std::to_string(most - 1) + ", for the model reads " + std::to_string(most) + ": shorten it");
  } else if (added > most - length) {
    problems.push_back("max_new_tokens is " + std::to_string(added) + " after a prompt of " + std::to_string(length) +
                       " tokens, expected at most " + std::to_string(most - length) + ": the model reads " +
                       std::to_string(most));
  }
}

void append(std::vector<std::int64_t>& ids, const std::vector<std::int64_t>& more) {
  ids.insert(ids.end(), more.begin(), more.end());
}

std::vector<std::int64_t> prompt_ids(const TextEncoder& text, const TextGenerationRequest& request) {
  const auto& [before, after] = text.special_tokens().single;
  std::vector<std::int64_t> ids;
  if (request.settings.special_tokens != "none") append(ids, before);
  append(ids, text.pieces(request.prompt).ids);
  if (request.settings.special_tokens == "both") append(ids, after);
  return ids;
}

}  // namespace

std::vector<std::string> GenerationSettings::problems() const {
  Problems problems = field_mistakes(*this);
  if (problems.empty()) note_setting_problems(*this, problems);
  return problems;
}

std::vector<std::string> TextGenerationRequest::problems() const {
  Problems problems = field_mistakes(*this);
  if (problems.empty()) note_setting_problems(settings, problems);
  return problems;
}

Prompt TextGenerationHead::encode(const TextGenerationRequest& request) const {
  raise_input_problems(request.problems());
  Prompt prompt;
  prompt.ids = prompt_ids(text(), request);
  const std::string& eos = request.settings.eos;
  if (!eos.empty()) prompt.eos_id = text().token_id(eos);
  Problems problems;
  note_length_problems(static_cast<std::int64_t>(prompt.ids.size()), request.settings.max_new_tokens,
                       text().max_length(), problems);
  if (!eos.empty() && !prompt.eos_id) {
    problems.push_back("eos " + cut(repr(std::string_view(eos))) +
                       " is not in the vocabulary, expected an entry such as [SEP], or ''");
  }
  if (request.source) problems.push_back("source is given, expected none: this decoder reads no encoder");
  raise_input_problems(problems);
  const std::vector<std::int64_t> zeros(prompt.ids.size(), 0), ones(prompt.ids.size(), 1);
  prompt.features.push_back({.ids = prompt.ids, .type_ids = zeros, .mask = ones});
  return prompt;
}

TextGenerationResult TextGenerationHead::decode(const TextGenerationRequest&, const Prompt& encoded,
                                                std::span<const Outputs> outputs) const {
  const FloatArray& logits = output(outputs[0], "logits");
  require_finite(logits.values, "logits");
  const auto vocabulary = logits.shape.empty() ? 0 : static_cast<std::size_t>(logits.shape.back());
  if (vocabulary == 0 || logits.values.size() < vocabulary) {
    throw BackendError("'logits' has the shape " + shape_text(logits.shape) +
                       ", expected (vocabulary,) or (tokens, vocabulary); export the bundle again");
  }
  const Continuation next{{argmax(logits.values.last(vocabulary))}};
  return result(encoded, {&next, 1});
}

TextGenerationResult TextGenerationHead::result(const Prompt& prompt,
                                                std::span<const Continuation> continuations) const {
  TextGenerationResult result;
  for (const auto& [ids, score] : continuations) {
    const bool ended = prompt.eos_id && !ids.empty() && ids.back() == *prompt.eos_id;
    result.sequences.push_back({continued(prompt, ids), ids, ended ? "eos" : "length", score});
  }
  return result;
}

std::string TextGenerationHead::continued(const Prompt& prompt, std::span<const std::int64_t> ids) const {
  std::vector<std::int64_t> all = prompt.ids;
  const std::string before = text().decode(all);
  all.insert(all.end(), ids.begin(), ids.end());
  const std::string whole = text().decode(all);
  return whole.starts_with(before) ? whole.substr(before.size()) : text().decode(ids);
}

const Task& TextGeneration::task() {
  static const std::vector<std::string> past = {"batch", "heads", "past", "size"};
  static const std::vector<std::string> total = {"batch", "heads", "total", "size"};
  static const TensorSpec keys = {"present.{layer}.key", "float32", total};
  static const TensorSpec values = {"present.{layer}.value", "float32", total};
  static const Task task = {
      .name = "text-generation",
      .aliases = {"lm", "causal-lm"},
      .reads = Reads::last_token,
      .outputs = {{"logits", "float32", {"batch", "vocabulary"}}, keys, values},
      .plain_outputs = {{"logits", "float32", {"batch", "sequence", "vocabulary"}}, keys, values},
      .graph_inputs = {{"input_ids", "int64", {"batch", "sequence"}},
                       {"attention_mask", "int64", {"batch", "total"}},
                       {"past_key_values.{layer}.key", "float32", past},
                       {"past_key_values.{layer}.value", "float32", past}},
      .is_autoregressive = true,
  };
  return task;
}

template TextGenerationRequest request_from_json<TextGeneration>(const Json&);
template std::vector<RequestField> request_fields<TextGeneration>();
template Json result_to_json<TextGeneration>(const TextGenerationResult&);

}  // namespace bert_runtime
