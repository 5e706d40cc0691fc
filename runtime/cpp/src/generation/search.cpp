#include "generation/search.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "generation/beams.h"
#include "generation/processors.h"
#include "tasks/scores.h"

namespace bert_runtime {
namespace {

/// A token, with the probability that the softmax of the scores gives it.
std::int64_t draw(std::span<const float> scores, Random& random) {
  std::vector<double> reached = softmax(scores);
  std::partial_sum(reached.begin(), reached.end(), reached.begin());
  // Scaled by the last sum, not by 1: rounding must not let a draw fall behind the last token.
  return std::ranges::upper_bound(reached, random.next() * reached.back()) - reached.begin();
}

}  // namespace

Search::~Search() = default;

std::unique_ptr<Search> make_search(const Prompt& prompt, const GenerationSettings& settings) {
  if (settings.num_beams > 1) return std::make_unique<BeamSearch>(prompt, settings);
  return std::make_unique<LaneSearch>(prompt, settings);
}

LaneSearch::LaneSearch(const Prompt& prompt, const GenerationSettings& settings)
    : prompt_(prompt),
      settings_(settings),
      found_(static_cast<std::size_t>(settings.num_return_sequences)),
      open_(found_.size()) {
  std::iota(open_.begin(), open_.end(), 0);
  if (!settings.do_sample) return;
  for (std::size_t lane = 0; lane < found_.size(); ++lane) {
    random_.emplace_back(settings.seed, static_cast<std::uint32_t>(lane));
  }
}

Step LaneSearch::advance(const LaneLogits& logits) {
  Step step;
  std::vector<std::size_t> still_open;
  for (std::size_t row = 0; row < open_.size(); ++row) {
    const std::size_t lane = open_[row];
    const std::size_t source = is_fresh_ ? 0 : row;  // all lanes read the prompt as one row
    choose(lane, logits[source]);
    if (is_done(found_[lane])) continue;
    still_open.push_back(lane);
    step.tokens.push_back(found_[lane].back());
    step.sources.push_back(static_cast<std::int64_t>(source));
  }
  open_ = std::move(still_open);
  is_fresh_ = false;
  return step;
}

std::vector<Continuation> LaneSearch::continuations() const {
  std::vector<Continuation> all;
  for (const auto& ids : found_) all.push_back({ids});
  return all;
}

void LaneSearch::choose(std::size_t lane, std::span<const float> logits) {
  scores_.assign(logits.begin(), logits.end());
  penalise(scores_, {prompt_.ids, found_[lane]}, settings_);
  if (settings_.do_sample) {
    make_drawable(scores_, settings_);
    found_[lane].push_back(draw(scores_, random_[lane]));
  } else {
    found_[lane].push_back(argmax<float>(scores_));
  }
}

bool LaneSearch::is_done(const std::vector<std::int64_t>& ids) const {
  return ids.back() == prompt_.eos_id || static_cast<std::int64_t>(ids.size()) == settings_.max_new_tokens;
}

}  // namespace bert_runtime
