// Beam search as transformers defines it, since token-for-token equality is the claim.
//
// Among all continuations of its beams by one token it takes twice as many as there are beams: those that end leave the
// race as whole texts (if they are among the first half), the best of the others run on.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "generation/search.h"

namespace bert_runtime {

/// One request's beams; see Search.
class BeamSearch final : public Search {
 public:
  BeamSearch(const Prompt& prompt, const GenerationSettings& settings);

  Step advance(const LaneLogits& logits) override;

  /// By score, best first.
  [[nodiscard]] std::vector<Continuation> continuations() const override;

 private:
  /// A continuation that may still grow: its tokens, the sum of their log probabilities (float32, as transformers adds
  /// them), and the lane that it comes from.
  struct Beam {
    std::vector<std::int64_t> ids;
    float score = 0;
    std::size_t source = 0;
  };

  [[nodiscard]] std::vector<Beam> candidates(const LaneLogits& logits) const;
  void score(const Beam& beam, std::span<const float> logits, std::span<float> scores) const;
  [[nodiscard]] bool is_whole(const Beam& beam) const;
  void keep(const Beam& ended);
  void keep_best();
  [[nodiscard]] bool is_done(const std::vector<Beam>& running) const;
  [[nodiscard]] double final_score(const Beam& beam) const;

  const Prompt& prompt_;
  const GenerationSettings& settings_;
  std::size_t count_;
  std::vector<Beam> beams_{Beam{}};
  std::vector<Continuation> whole_;
};

}  // namespace bert_runtime
