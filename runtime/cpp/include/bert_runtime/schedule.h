// Which rows run together: batches of similar length under a limit of tokens, and the way there and back.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bert_runtime/export.h"
#include "bert_runtime/features.h"
#include "bert_runtime/limits.h"
#include "bert_runtime/tensor.h"

namespace bert_runtime {

/// The size of a batch, and how long it may be waited for: at most `max_batch_tokens` tokens, padding included, and at
/// most `max_batch_size` rows. A row that would make more than the share `max_padding` of a batch padding begins another.
/// `pad_to_multiple_of` belongs to engines that compile each new input shape; none of those that run here does. Once
/// `predict` has waited `max_wait` seconds for its source, it answers what it has read, however small the batch.
struct BatchLimits {
  std::int64_t max_batch_tokens = kDefaultMaxBatchTokens;
  std::int64_t max_batch_size = kDefaultMaxBatchSize;
  double max_padding = kDefaultMaxPadding;
  std::optional<std::int64_t> pad_to_multiple_of = std::nullopt;
  double max_wait = kDefaultMaxWait;

  /// What is wrong with the values.
  [[nodiscard]] BERT_RUNTIME_API std::vector<std::string> problems() const;
};

/// Indices of `features` in batches, the longest rows first, so that memory for these serves all that come after; a row
/// that exceeds the limits alone is a batch of its own.
///
/// Padding is work without an answer: rows are sorted by length, so that a long row never widens many short ones. Only
/// rows with the same number of choices share a batch.
[[nodiscard]] BERT_RUNTIME_API std::vector<std::vector<std::size_t>> plan(std::span<const Features* const> features,
                                                                          const BatchLimits& limits);

/// The graph's inputs for one batch, right padded: int64 of (batch, sequence) or (batch, choices, sequence).
[[nodiscard]] BERT_RUNTIME_API std::map<std::string, Tensor, std::less<>> collate(
    std::span<const Features* const> rows, std::int64_t pad_id);

/// Each row's own outputs, without the batch axis and without what padding added. `specs[i]` describes `outputs[i]`,
/// and `sizes` the axes that belong to the checkpoint.
///
/// Rows share the batch's memory, which lives as long as any of them. Throws BackendError when an output has not the
/// shape that its spec and the rows give: a head may then trust the shapes of what it decodes.
[[nodiscard]] BERT_RUNTIME_API std::vector<Outputs> split(std::span<const FloatArray> outputs,
                                                          std::span<const TensorSpec> specs,
                                                          const std::map<std::string, std::int64_t>& sizes,
                                                          std::span<const Features* const> rows);

}  // namespace bert_runtime
