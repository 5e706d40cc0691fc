// One row of the model's batch.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "bert_runtime/export.h"
#include "bert_runtime/text.h"

namespace bert_runtime {

/// One row of the model's batch, without padding between rows. A value that owns its memory.
struct Features {
  std::vector<std::int64_t> ids;       ///< (sequence,), or (choices, sequence) row by row where `choices` is not 0.
  std::vector<std::int64_t> type_ids;  ///< Of the shape of `ids`.
  std::vector<std::int64_t> mask;      ///< 1 for a token, 0 for padding (only between choices of unequal length).
  /// (masks,): where the masks are, if the task reads them.
  std::optional<std::vector<std::int64_t>> positions = std::nullopt;
  std::int64_t choices = 0;  ///< 0 where the task has no choices.

  /// How many tokens wide the row is.
  [[nodiscard]] std::int64_t sequence() const {
    return static_cast<std::int64_t>(ids.size()) / (choices ? choices : 1);
  }

  /// How many masked positions it has.
  [[nodiscard]] std::int64_t masks() const { return positions ? static_cast<std::int64_t>(positions->size()) : 0; }

  /// The features of one row, every token of which is read.
  [[nodiscard]] BERT_RUNTIME_API static Features from_row(
      const Row& row, std::optional<std::vector<std::int64_t>> positions = std::nullopt);
};

/// A request as rows of a batch; a task's own struct derives from it and adds what its decoding needs.
struct Encoded {
  std::vector<Features> features;
};

}  // namespace bert_runtime
