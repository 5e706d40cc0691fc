// Keys and values of the tokens read so far, in memory that is taken once for a whole generation.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bert_runtime/manifest.h"
#include "bert_runtime/tensor.h"

namespace bert_runtime {

/// Two blocks for each tensor: one holds the past, the other takes the present, and then they change places.
///
/// Nothing is copied from token to token: the engine reads and writes the blocks where they lie. Tensors change their
/// shape with each token; any shape is a view of the front of its block. Pages that no token has reached cost nothing.
/// For one thread.
class Cache {
 public:
  /// Room for `tokens` tokens, counted over all rows. Throws BackendError: there is no memory for it.
  Cache(const Artefact& artefact, const std::map<std::string, std::int64_t>& sizes, std::int64_t tokens);

  /// Adds the graph's inputs: what the last run left; before the first, rows of no tokens. They point into the cache
  /// until it changes.
  void add_past(std::int64_t rows, std::vector<Input>& inputs) const;

  /// Adds the graph's outputs: room for `rows` rows of `total` tokens, in the cache.
  void add_present(std::int64_t rows, std::int64_t total, std::vector<Output>& outputs);

  /// The present has been written: it is the past of the next run.
  void advance(std::int64_t rows, std::int64_t total);

  /// Puts the row `sources[i]` of the past at row i; rows may be taken several times, or never.
  void reorder(std::span<const std::int64_t> sources);

 private:
  /// A key or value tensor of one layer: as the graph reads it and as it writes it, each with a block.
  struct Slot {
    TensorSpec past, present;
    std::unique_ptr<float[]> read, write;
  };

  [[nodiscard]] Shape shape(const TensorSpec& spec, std::int64_t rows, std::int64_t tokens) const;
  [[nodiscard]] std::unique_ptr<float[]> block(const TensorSpec& spec, std::int64_t tokens) const;

  const std::map<std::string, std::int64_t>& sizes_;
  std::vector<Slot> slots_;
  std::int64_t rows_ = 0, total_ = 0;
};

}  // namespace bert_runtime
