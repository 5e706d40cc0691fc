#include "generation/session.h"

#include <memory>
#include <optional>

#include "generation/batches.h"
#include "generation/decoder.h"
#include "generation/loop.h"

namespace bert_runtime {
namespace {

using Item = std::pair<TextGenerationRequest, Prompt>;

GenerationLength length_of(const Item& item) {
  return {&item.first.settings, static_cast<std::int64_t>(item.second.ids.size())};
}

/// One batch on its way: the searches of its requests.
class Batch {
 public:
  Batch(const GenerationParts& parts, std::span<const Item* const> items) : parts_(parts) {
    for (const Item* item : items) {
      lengths_.push_back(length_of(*item));
      prompts_.push_back(&item->second);
      searches_.push_back(make_search(item->second, item->first.settings));
    }
  }

  /// Takes the searches to their ends; see run_searches.
  void run(const std::function<bool()>& on_step) {
    CachedDecoder decoder(parts_.engine, parts_.artefact, parts_.sizes, batch_size(lengths_).tokens);
    run_searches(decoder, prompts_, searches_, parts_.head.text().pad_id(), on_step);
  }

  [[nodiscard]] std::vector<Continuation> continuations(std::size_t i) const { return searches_[i]->continuations(); }

 private:
  const GenerationParts& parts_;
  std::vector<GenerationLength> lengths_;
  std::vector<const Prompt*> prompts_;
  std::vector<std::unique_ptr<Search>> searches_;
};

using Answer = std::variant<TextGenerationResult, BackendError>;

void answer(const GenerationParts& parts, std::span<const Item> items, const std::vector<std::size_t>& indices,
            std::vector<std::optional<Answer>>& answers) {
  std::vector<const Item*> together;
  for (const std::size_t i : indices) together.push_back(&items[i]);
  try {
    Batch batch(parts, together);
    batch.run([] { return true; });
    for (std::size_t n = 0; n < indices.size(); ++n) {
      answers[indices[n]] = parts.head.result(together[n]->second, batch.continuations(n));
    }
  } catch (const BackendError& error) {  // raised in its turn: the answers before it come first
    for (const std::size_t i : indices) answers[i] = error;
  }
}

void require_single(const GenerationSettings& settings) {
  if (lanes(settings) == 1) return;
  throw InputError("streaming with num_beams " + std::to_string(settings.num_beams) + " and num_return_sequences " +
                   std::to_string(settings.num_return_sequences) +
                   ", expected 1 of both: call the session for whole texts");
}

}  // namespace

std::vector<Answer> generated(const GenerationParts& parts, std::span<const Item> items) {
  std::vector<GenerationLength> lengths;
  for (const Item& item : items) lengths.push_back(length_of(item));
  std::vector<std::optional<Answer>> answers(items.size());
  for (const auto& indices : plan_generation(lengths, parts.budget)) answer(parts, items, indices, answers);
  std::vector<Answer> all;
  for (auto& each : answers) all.push_back(std::move(*each));
  return all;
}

void stream(const GenerationParts& parts, const TextGenerationRequest& request,
            const std::function<bool(std::string_view)>& on_text) {
  raise_input_problems(request.problems());
  require_single(request.settings);
  const Item item = {request, parts.head.encode(request)};
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
