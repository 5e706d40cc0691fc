#include "generation/loop.h"

#include <utility>

namespace bert_runtime {
namespace {

/// A search that goes on, and how many rows it has.
struct Active {
  Search* search;
  std::size_t lanes;
};

/// Each search's step in one, with sources that count the rows of the whole batch; searches that are done leave.
Step advance(std::vector<Active>& active, const LaneLogits& logits) {
  Step all;
  std::vector<Active> still_active;
  std::size_t first = 0;
  for (const auto& [search, lanes] : active) {
    const std::size_t size = logits.vocabulary;
    const Step step = search->advance({logits.values.subspan(first * size, lanes * size), size});
    all.tokens.insert(all.tokens.end(), step.tokens.begin(), step.tokens.end());
    for (const std::int64_t source : step.sources) all.sources.push_back(source + static_cast<std::int64_t>(first));
    if (!step.tokens.empty()) still_active.push_back({search, step.tokens.size()});
    first += lanes;
  }
  active = std::move(still_active);
  return all;
}

}  // namespace

void run_searches(CachedDecoder& decoder, std::span<const Prompt* const> prompts,
                  std::span<const std::unique_ptr<Search>> searches, std::int64_t pad_id,
                  const std::function<bool()>& on_step) {
  std::vector<const std::vector<std::int64_t>*> ids;
  for (const Prompt* prompt : prompts) ids.push_back(&prompt->ids);
  std::vector<Active> active;
  for (const auto& search : searches) active.push_back({search.get(), 1});
  LaneLogits logits = decoder.prefill(ids, pad_id);
  while (true) {
    const Step step = advance(active, logits);
    if (!on_step() || active.empty()) return;
    logits = decoder.step(step);
  }
}

}  // namespace bert_runtime
