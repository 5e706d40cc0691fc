#include "generation/sources.h"

#include <utility>
#include <vector>

#include "bert_runtime/errors.h"
#include "feeds.h"

namespace bert_runtime {

Sources::Sources(Graph graph, std::shared_ptr<const Engine> engine, std::map<std::string, std::int64_t> sizes,
                 std::optional<Encoder> encoder)
    : graph_(std::move(graph)), engine_(std::move(engine)), sizes_(std::move(sizes)), encoder_(std::move(encoder)) {
  const std::int64_t wanted = sizes_.at("hidden");
  if (!encoder_ || encoder_->width() == wanted) return;
  throw BundleError(Problem("contradiction", "encoder",
                            "the encoder says " + std::to_string(encoder_->width()) + " numbers of a token, expected " +
                                std::to_string(wanted) +
                                ", which this decoder reads: give the encoder that it was trained with"));
}

PromptSource Sources::checked(const std::optional<std::variant<std::string, EncoderStates>>& source) const {
  if (!source) {
    throw InputError(
        Problem("missing-field", "encoder_text",
                "encoder_text is missing, expected the text, or the EncoderStates, that this decoder reads"));
  }
  if (const auto* states = std::get_if<EncoderStates>(&*source)) return checked_states(*states);
  if (!encoder_) {
    throw InputError(Problem("no-encoder", "encoder_text",
                             "encoder_text is a text and no encoder was loaded, expected EncoderStates: or name the "
                             "encoder's bundle when loading "
                             "(Options(encoder=DIR), --encoder DIR)"));
  }
  return encoder_->row(std::get<std::string>(*source));
}

PromptSource Sources::checked_states(const EncoderStates& states) const {
  const std::int64_t wanted = sizes_.at("hidden");
  if (states.width() == wanted) return states;
  throw InputError(Problem("wrong-shape", "encoder_text.hidden",
                           "encoder_text.hidden has " + std::to_string(states.width()) +
                               " numbers for a token, expected " + std::to_string(wanted) +
                               ": give the states of this decoder's own encoder"));
}

std::unique_ptr<CrossCache> Sources::read(std::span<const Prompt* const> prompts) const {
  std::vector<const Features*> rows;
  for (const Prompt* prompt : prompts) {
    if (const auto* row = std::get_if<Features>(&prompt->source)) rows.push_back(row);
  }
  std::vector<EncoderStates> read = rows.empty() ? std::vector<EncoderStates>() : encoder_->states(rows);
  std::vector<EncoderStates> all;
  auto next = read.begin();
  for (const Prompt* prompt : prompts) {
    const auto* given = std::get_if<EncoderStates>(&prompt->source);
    if (given) {
      all.push_back(*given);
    } else {
      all.push_back(std::move(*next++));
    }
  }
  return std::make_unique<CrossCache>(*engine_, graph_, sizes_, all);
}

std::map<std::string, FloatArray> Sources::run(std::span<const Input> arrays, std::int64_t max_length) const {
  return run_checked(*engine_, arrays, graph_, max_length);
}

}  // namespace bert_runtime
