#include "generation/beams.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <utility>

#include "bert_runtime/errors.h"
#include "generation/processors.h"
#include "in_json.h"
#include "tasks/scores.h"

namespace bert_runtime {
namespace {

double score_of(const Continuation& continuation) { return *continuation.score; }

/// The logarithms of the softmax, in float32 throughout.
void log_softmax(std::span<const float> logits, std::span<float> out) {
  const float most = std::ranges::max(logits);
  std::ranges::transform(logits, out.begin(), [&](float logit) { return logit - most; });
  std::vector<float> exponentials(out.size());
  std::ranges::transform(out, exponentials.begin(), [](float value) { return std::exp(value); });
  const float sum = std::log(pairwise_sum<float>(exponentials));
  for (float& value : out) value -= sum;
}

}  // namespace

BeamSearch::BeamSearch(const Prompt& prompt, const GenerationSettings& settings)
    : prompt_(prompt), settings_(settings), count_(static_cast<std::size_t>(settings.num_beams)) {}

Step BeamSearch::advance(const LaneLogits& logits) {
  const std::vector<Beam> found = candidates(logits);
  std::vector<Beam> running;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (!is_whole(found[i])) {
      running.push_back(found[i]);
    } else if (i < count_) {
      keep(found[i]);
    }
  }
  keep_best();
  if (is_done(running)) {
    running.clear();
  } else if (running.size() > count_) {
    running.resize(count_);
  }
  beams_ = std::move(running);
  Step step;
  for (const Beam& beam : beams_) {
    step.tokens.push_back(beam.ids.back());
    step.sources.push_back(static_cast<std::int64_t>(beam.source));
  }
  return step;
}

std::vector<Continuation> BeamSearch::continuations() const {
  const auto count = std::min(whole_.size(), static_cast<std::size_t>(settings_.num_return_sequences));
  return {whole_.begin(), whole_.begin() + static_cast<std::ptrdiff_t>(count)};
}

/// The best continuations by one token, twice as many as beams: at most half of them can end.
std::vector<BeamSearch::Beam> BeamSearch::candidates(const LaneLogits& logits) const {
  const std::size_t vocabulary = logits.vocabulary;
  std::vector<float> scores(beams_.size() * vocabulary);
  for (std::size_t lane = 0; lane < beams_.size(); ++lane) {
    score(beams_[lane], logits[lane], std::span(scores).subspan(lane * vocabulary, vocabulary));
  }
  std::vector<Beam> found;
  for (const std::int64_t index : top<float>(scores, 2 * settings_.num_beams)) {
    const auto place = static_cast<std::size_t>(index);
    Beam beam{beams_[place / vocabulary].ids, scores[place], place / vocabulary};
    beam.ids.push_back(static_cast<std::int64_t>(place % vocabulary));
    found.push_back(std::move(beam));
  }
  return found;
}

/// The score of the beam with each token after it. The penalty applies to log probabilities here.
void BeamSearch::score(const Beam& beam, std::span<const float> logits, std::span<float> scores) const {
  log_softmax(logits, scores);
  penalise(scores, {prompt_.ids, beam.ids}, settings_);
  for (float& value : scores) value += beam.score;
}

bool BeamSearch::is_whole(const Beam& beam) const {
  return beam.ids.back() == prompt_.eos_id || static_cast<std::int64_t>(beam.ids.size()) == settings_.max_new_tokens;
}

void BeamSearch::keep(const Beam& ended) { whole_.push_back({ended.ids, final_score(ended)}); }

/// As many whole texts as there are beams stay, the first of equal ones before the later.
void BeamSearch::keep_best() {
  std::ranges::stable_sort(whole_, std::greater<>(), score_of);
  if (whole_.size() > count_) whole_.resize(count_);
}

/// Whether nothing that runs can win: judged by the best beam at its present length, as transformers does.
bool BeamSearch::is_done(const std::vector<Beam>& running) const {
  if (running.empty()) return true;
  if (whole_.size() < count_) return false;
  return settings_.early_stopping || final_score(running.front()) <= score_of(whole_.back());
}

double BeamSearch::final_score(const Beam& beam) const {
  const double power = std::pow(static_cast<double>(beam.ids.size()), settings_.length_penalty);
  const double final = static_cast<double>(beam.score / static_cast<float>(power));
  if (std::isfinite(final)) return final;
  throw InputError(Problem("out-of-range", "length_penalty",
                           "length_penalty is " + in_json(settings_.length_penalty) +
                               ", expected a number nearer to 0: the score of " + std::to_string(beam.ids.size()) +
                               " tokens is not finite with it"));
}

}  // namespace bert_runtime
