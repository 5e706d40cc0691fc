// The graph as a decoder with a cache: what it wrote in one run is what it reads in the next, where it lies.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "bert_runtime/backends/engine.h"
#include "bert_runtime/manifest.h"
#include "generation/cache.h"
#include "generation/cross_cache.h"
#include "generation/search.h"

namespace bert_runtime {

/// One batch's way through the graph. Rows are left padded, so that the last column holds the last token of each; the
/// graph counts a row's positions from its first unmasked column. For one thread; what it is made of must outlive it.
class CachedDecoder {
 public:
  /// Begins with an empty cache; `tokens`: how many there can be, counted over all rows, padding included; `cross`:
  /// what the prompts' sources say, in the prompts' order, or null for a decoder that reads no encoder.
  CachedDecoder(const Engine& engine, const Artefact& artefact, const std::map<std::string, std::int64_t>& sizes,
                std::int64_t tokens, CrossCache* cross = nullptr);

  /// Reads the prompts, of any length: logits of what follows, a row for each, which live until the next run.
  /// Throws BackendError: the engine failed, or gave logits that are not finite.
  LaneLogits prefill(std::span<const std::vector<std::int64_t>* const> prompts, std::int64_t pad_id);

  /// Reads one more token a row: logits as from `prefill`.
  ///
  /// Row i goes on from row `sources[i]` of the run before; rows that none goes on from leave the batch.
  LaneLogits step(const Step& next);

 private:
  LaneLogits run(std::span<const std::int64_t> ids, std::int64_t rows);
  [[nodiscard]] Shape logits_shape(std::int64_t rows, std::int64_t sequence) const;
  LaneLogits last_logits(const Shape& shape);
  void keep_rows(std::span<const std::int64_t> sources);

  const Engine& engine_;
  const std::map<std::string, std::int64_t>& sizes_;
  const TensorSpec& logits_spec_;
  Cache cache_;
  CrossCache* cross_;
  std::vector<std::int64_t> owners_;  ///< (rows,): the prompt, hence the source, that each row belongs to.
  std::vector<std::int64_t> mask_;    ///< (rows, total).
  std::int64_t rows_ = 0, total_ = 0;
  std::vector<float> logits_;
};

}  // namespace bert_runtime
