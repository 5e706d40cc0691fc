#include "generation/session.h"

#include <exception>
#include <memory>
#include <optional>

#include "generation/batches.h"
#include "generation/decoder.h"
#include "generation/loop.h"
#include "item_failure.h"

namespace bert_runtime {
namespace {

using Item = std::pair<TextGenerationRequest, Prompt>;

Extent extent_of(const Item& item) {
  return {&item.first.settings, static_cast<std::int64_t>(item.second.ids.size()), item.second.source_length()};
}

/// One batch on its way: the searches of its requests.
class Batch {
 public:
  Batch(const GenerationParts& parts, std::span<const Item* const> items) : parts_(parts) {
    for (const Item* item : items) {
      extents_.push_back(extent_of(*item));
      prompts_.push_back(&item->second);
      searches_.push_back(make_search(item->second, item->first.settings));
    }
  }

  /// Takes the searches to their ends; see run_searches.
  void run(const std::function<bool()>& on_step) {
    const auto cross = parts_.sources ? parts_.sources->read(prompts_) : nullptr;
    CachedDecoder decoder(parts_.engine, parts_.artefact, parts_.sizes, batch_size(extents_).tokens, cross.get());
    run_searches(decoder, prompts_, searches_, parts_.head.text().pad_id(), on_step);
  }

  [[nodiscard]] std::vector<Continuation> continuations(std::size_t i) const { return searches_[i]->continuations(); }

 private:
  const GenerationParts& parts_;
  std::vector<Extent> extents_;
  std::vector<const Prompt*> prompts_;
  std::vector<std::unique_ptr<Search>> searches_;
};

using Outcome = ItemAnswer<TextGenerationResult>;

void answer(const GenerationParts& parts, std::span<const Item> items, const std::vector<std::size_t>& indices,
            std::vector<std::optional<Outcome>>& answers) {
  std::vector<const Item*> together;
  for (const std::size_t i : indices) together.push_back(&items[i]);
  try {
    Batch batch(parts, together);
    batch.run([] { return true; });
    for (std::size_t n = 0; n < indices.size(); ++n) {
      answers[indices[n]] = parts.head.result(together[n]->second, batch.continuations(n));
    }
  } catch (...) {
    const ItemFailure failure = item_failure(std::current_exception());
    for (const std::size_t i : indices) answers[i] = answer_of<TextGenerationResult>(failure);
  }
}

PromptSource checked_source(const GenerationParts& parts, const TextGenerationRequest& request) {
  if (parts.sources) return parts.sources->checked(request.encoder_text);
  if (request.encoder_text)
    throw InputError(
        Problem("unexpected", "encoder_text", "encoder_text is given, expected none: this decoder reads no encoder"));
  return {};
}

void require_single(const GenerationSettings& settings) {
  if (lanes(settings) == 1) return;
  throw InputError("streaming with num_beams " + std::to_string(settings.num_beams) + " and num_return_sequences " +
                   std::to_string(settings.num_return_sequences) +
                   ", expected 1 of both: call the session for whole texts");
}

}  // namespace

Prompt encoded_prompt(const GenerationParts& parts, const TextGenerationRequest& request) {
  raise_input_problems(request.problems());
  Prompt prompt;
  Problems problems;
  const auto noting = [&](const auto& work) {
    try {
      work();
    } catch (const InputError& error) {
      problems.insert(problems.end(), error.problems().begin(), error.problems().end());
    }
  };
  noting([&] { prompt = parts.head.encode(request); });
  noting([&] { prompt.source = checked_source(parts, request); });
  raise_input_problems(problems);
  return prompt;
}

std::vector<Outcome> generated(const GenerationParts& parts, std::span<const Item> items) {
  std::vector<Extent> extents;
  for (const Item& item : items) extents.push_back(extent_of(item));
  std::vector<std::optional<Outcome>> answers(items.size());
  for (const auto& indices : plan_generation(extents, parts.batch_limits)) answer(parts, items, indices, answers);
  std::vector<Outcome> all;
  for (auto& each : answers) all.push_back(std::move(*each));
  return all;
}

void probe_generation(const GenerationParts& parts) {
  TextGenerationRequest request = {.prompt = "", .settings = {.max_new_tokens = 1}};
  if (parts.sources) {
    const std::int64_t hidden = parts.sizes.at("hidden");
    request.encoder_text = EncoderStates::whole(FloatArray::owning({1, hidden}, std::vector<float>(hidden)));
  }
  const Item item = {request, encoded_prompt(parts, request)};
  if (const auto failure = failure_of<TextGenerationResult>(generated(parts, {&item, 1}).front())) {
    throw_failure(*failure);
  }
}

void stream(const GenerationParts& parts, const TextGenerationRequest& request,
            const std::function<bool(std::string_view)>& on_text) {
  raise_input_problems(request.problems());
  require_single(request.settings);
  const Item item = {request, encoded_prompt(parts, request)};
  const Item* const items[] = {&item};
  Batch batch(parts, items);
  std::string told;
  batch.run([&] {
    const std::string text = parts.head.continued(item.second, batch.continuations(0).front().ids);
    // A tokenizer's decoder may rewrite the end of a text; what was told cannot be taken back.
    if (text.size() <= told.size() || !text.starts_with(told)) return true;
    const std::string_view part = std::string_view(text).substr(told.size());
    const bool goes_on = on_text(part);
    told = text;
    return goes_on;
  });
}

}  // namespace bert_runtime
