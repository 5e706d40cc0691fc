#include <algorithm>
#include <string_view>
#include <tuple>

#include "bert_runtime/errors.h"
#include "bert_runtime/tasks/text_generation.h"
#include "in_json.h"
#include "tasks/json_form.h"
#include "tasks/request.h"
#include "tasks/scores.h"

namespace bert_runtime {

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

void note_length_problems(std::int64_t length, std::int64_t added, std::int64_t most, Problems& problems) {
  if (length == 0) {
    problems.push_back(
        {"empty", "prompt",
         "the prompt holds no token, expected one at least: write a text, or set special_tokens to start"});
  }
  if (length >= most) {
    problems.push_back({"too-long", "prompt",
                        "the prompt has " + std::to_string(length) + " tokens, expected at most " +
                            std::to_string(most - 1) + ", for the model reads " + std::to_string(most) +
                            ": shorten it"});
  } else if (added > most - length) {
    problems.push_back({"too-long", "max_new_tokens",
                        "max_new_tokens is " + std::to_string(added) + " after a prompt of " + std::to_string(length) +
                            " tokens, expected at most " + std::to_string(most - length) + ": the model reads " +
                            std::to_string(most)});
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

/// The id that ends a text: of an entry of the vocabulary, or what the tokenizer puts after a text.
std::optional<std::int64_t> eos_id(const TextEncoder& text, const std::optional<std::string>& eos) {
  if (eos) return eos->empty() ? std::nullopt : text.token_id(*eos);
  const std::vector<std::int64_t>& after = text.special_tokens().single[1];
  return after.empty() ? std::nullopt : std::optional(after.front());
}

}  // namespace

std::int64_t Prompt::source_length() const {
  if (const auto* states = std::get_if<EncoderStates>(&source)) return states->tokens();
  const auto* row = std::get_if<Features>(&source);
  return row ? row->sequence() : 0;
}

Prompt TextGenerationHead::encode(const TextGenerationRequest& request) const {
  raise_input_problems(request.problems());
  Prompt prompt;
  prompt.ids = prompt_ids(text(), request);
  prompt.eos_id = eos_id(text(), request.settings.eos);
  Problems problems;
  note_length_problems(static_cast<std::int64_t>(prompt.ids.size()), request.settings.max_new_tokens,
                       text().max_length(), problems);
  const std::string eos = request.settings.eos.value_or("");
  if (!eos.empty() && !prompt.eos_id) {
    problems.push_back({"not-in-vocabulary", "eos",
                        "eos " + cut(in_json(eos)) + " is not in the vocabulary, expected one of its entries, or ''"});
  }
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
  static const Task& task = task_named("text-generation");
  return task;
}

template Json result_to_json<TextGeneration>(const TextGenerationResult&);

}  // namespace bert_runtime
