// How the next tokens are chosen: what every search has in common, and the search without beams.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "bert_runtime/tasks/text_generation.h"
#include "generation/random.h"

namespace bert_runtime {

/// float32 of (lanes, vocabulary).
struct LaneLogits {
  std::span<const float> values;
  std::size_t vocabulary;

  [[nodiscard]] std::size_t lanes() const { return vocabulary ? values.size() / vocabulary : 0; }
  [[nodiscard]] std::span<const float> operator[](std::size_t lane) const {
    return values.subspan(lane * vocabulary, vocabulary);
  }
};

/// The lanes that go on; empty once the search is done.
struct Step {
  std::vector<std::int64_t> tokens;   ///< What each lane reads next.
  std::vector<std::int64_t> sources;  ///< Which of the lanes before it continues, hence whose cache it needs.
};

/// One request's search. It begins with one lane, the prompt; a lane is a row of the decoder's batch. For one thread.
class Search {
 public:
  Search() = default;
  Search(const Search&) = delete;
  Search& operator=(const Search&) = delete;
  virtual ~Search();

  /// Chooses tokens; `logits` have one row for each lane of the last step.
  virtual Step advance(const LaneLogits& logits) = 0;

  /// What was found; the best first where there is a best.
  [[nodiscard]] virtual std::vector<Continuation> continuations() const = 0;
};

/// The search that the settings ask for. `prompt` and `settings` must live as long as it does.
[[nodiscard]] std::unique_ptr<Search> make_search(const Prompt& prompt, const GenerationSettings& settings);

/// Lanes that never meet: the most probable token of each, or a token drawn by its probability.
class LaneSearch final : public Search {
 public:
  /// Lanes draw from generators of their own, so that an answer does not depend on what shares its batch.
  LaneSearch(const Prompt& prompt, const GenerationSettings& settings);

  Step advance(const LaneLogits& logits) override;
  [[nodiscard]] std::vector<Continuation> continuations() const override;

 private:
  void choose(std::size_t lane, std::span<const float> logits);
  [[nodiscard]] bool is_done(const std::vector<std::int64_t>& ids) const;

  const Prompt& prompt_;
  const GenerationSettings& settings_;
  std::vector<std::vector<std::int64_t>> found_;  ///< The tokens of each lane.
  std::vector<std::size_t> open_;                 ///< The lanes that go on.
  std::vector<Random> random_;                    ///< One for each lane, with do_sample.
  std::vector<float> scores_;                     ///< Memory to work in.
  bool is_fresh_ = true;
};

}  // namespace bert_runtime
