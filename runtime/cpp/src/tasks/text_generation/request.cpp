#include "tasks/request.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <tuple>

#include "bert_runtime/tasks/text_generation.h"
#include "in_json.h"
#include "tasks/text_generation/source_field.h"

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

}  // namespace

template <>
struct Fields<GenerationSettings> {
  static constexpr auto list = kSettings;
};

template <>
struct Fields<TextGenerationRequest> {
  static constexpr auto list =
      std::tuple_cat(kSettings, std::tuple(required("prompt", &TextGenerationRequest::prompt),
                                           field("encoder_text", &TextGenerationRequest::encoder_text)));
};

namespace {

constexpr std::array<std::string_view, 3> kSpecialTokens = {"start", "none", "both"};

void note_lane_problems(const GenerationSettings& settings, Problems& problems) {
  const auto note = [&](const std::string& name, std::int64_t value) {
    if (1 <= value && value <= kMostLanes) return;
    problems.push_back({"out-of-range", name,
                        name + " is " + std::to_string(value) + ", expected 1 to " + std::to_string(kMostLanes)});
  };
  note("num_beams", settings.num_beams);
  note("num_return_sequences", settings.num_return_sequences);
}

void note_number_problems(const GenerationSettings& settings, Problems& problems) {
  if (!(settings.temperature > 0)) {
    problems.push_back({"out-of-range", "temperature",
                        "temperature is " + in_json(settings.temperature) +
                            ", expected more than 0; for the most probable token leave do_sample out"});
  }
  if (!(settings.repetition_penalty > 0)) {
    problems.push_back({"out-of-range", "repetition_penalty",
                        "repetition_penalty is " + in_json(settings.repetition_penalty) + ", expected more than 0"});
  }
  if (settings.top_k < 0) {
    problems.push_back(
        {"out-of-range", "top_k", "top_k is " + std::to_string(settings.top_k) + ", expected 0 (all tokens) or more"});
  }
  if (!(0 < settings.top_p && settings.top_p <= 1)) {
    problems.push_back({"out-of-range", "top_p",
                        "top_p is " + in_json(settings.top_p) + ", expected more than 0 and at most 1 (all tokens)"});
  }
  if (settings.seed && *settings.seed < 0) {
    problems.push_back({"out-of-range", "seed", "seed is " + std::to_string(*settings.seed) + ", expected 0 or more"});
  }
}

void note_contradictions(const GenerationSettings& settings, Problems& problems) {
  const std::string beams = std::to_string(settings.num_beams);
  if (settings.do_sample && settings.num_beams > 1) {
    problems.push_back({"contradiction", "do_sample",
                        "do_sample with num_beams " + beams + ", expected one of them: beams are not drawn"});
  }
  if (!settings.do_sample && settings.num_return_sequences > std::max<std::int64_t>(settings.num_beams, 1)) {
    problems.push_back({"contradiction", "num_return_sequences",
                        "num_return_sequences is " + std::to_string(settings.num_return_sequences) +
                            " with num_beams " + beams +
                            ", expected at most num_beams: raise num_beams, or set do_sample"});
  }
}

/// What is wrong with the values, once each is one.
void note_setting_problems(const GenerationSettings& settings, Problems& problems) {
  if (settings.max_new_tokens < 1) {
    problems.push_back({"out-of-range", "max_new_tokens",
                        "max_new_tokens is " + std::to_string(settings.max_new_tokens) + ", expected at least 1"});
  }
  note_lane_problems(settings, problems);
  note_number_problems(settings, problems);
  if (std::ranges::find(kSpecialTokens, settings.special_tokens) == kSpecialTokens.end()) {
    problems.push_back(
        {"not-a-choice", "special_tokens",
         "special_tokens is " + cut(in_json(settings.special_tokens)) + ", expected one of start, none, both"});
  }
  note_contradictions(settings, problems);
}

}  // namespace

std::vector<Problem> GenerationSettings::problems() const {
  Problems problems = field_mistakes(*this);
  if (problems.empty()) note_setting_problems(*this, problems);
  return problems;
}

std::vector<Problem> TextGenerationRequest::problems() const {
  Problems problems = field_mistakes(*this);
  if (problems.empty()) note_setting_problems(settings, problems);
  return problems;
}

template TextGenerationRequest request_from_json<TextGeneration>(const Json&);
template std::vector<RequestField> request_fields<TextGeneration>();

}  // namespace bert_runtime
