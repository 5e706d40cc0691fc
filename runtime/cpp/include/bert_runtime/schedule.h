// Which rows run together: batches of similar length under a limit of tokens, and the way there and back.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bert_runtime/errors.h"
#include "bert_runtime/export.h"
#include "bert_runtime/features.h"
#include "bert_runtime/limits.h"
#include "bert_runtime/tensor.h"

namespace bert_runtime {

/// The size of a batch, and how long it may be waited for: at most `max_batch_tokens` tokens, padding included, and at
/// most `max_batch_size` rows. A row that would make more than the share `max_padding` of a batch padding begins another.
/// With `pad_to_multiple_of`, widths are round multiples of so many tokens, or as long as the model takes, and so are the
/// tokens of a batch: an engine then meets few input shapes. What a width is rounded up by does not count as padding. A
/// number is round if only its first three binary digits may be other than 0. Once `predict` has waited `max_wait` seconds
/// for its source, it answers what it has read, however small the batch.
struct BatchLimits {
  std::int64_t max_batch_tokens = kDefaultMaxBatchTokens;
  std::int64_t max_batch_size = kDefaultMaxBatchSize;
  double max_padding = kDefaultMaxPadding;
  std::optional<std::int64_t> pad_to_multiple_of = std::nullopt;
  double max_wait = kDefaultMaxWait;

  /// What is wrong with the values.
  [[nodiscard]] BERT_RUNTIME_API std::vector<Problem> problems() const;
};

/// Indices of `features` in batches, the longest rows first, so that memory for these serves all that come after; a row
/// that exceeds the limits alone is a batch of its own.
///
/// Padding is work without an answer: rows are sorted by length, so that a long row never widens many short ones. Only
/// rows with the same number of choices share a batch.
[[nodiscard]] BERT_RUNTIME_API std::vector<std::vector<std::size_t>> plan(std::span<const Features* const> features,
                                                                          const BatchLimits& limits);

/// How wide a batch is whose longest row has `length` tokens, of a model that takes `most`.
[[nodiscard]] BERT_RUNTIME_API std::int64_t width_of(std::int64_t length, std::int64_t most, const BatchLimits& limits);

/// The graph's inputs for one batch, right padded to the longest row, or to `least` tokens if that is more: int64 of
/// (batch, sequence) or (batch, choices, sequence).
[[nodiscard]] BERT_RUNTIME_API std::map<std::string, Tensor, std::less<>> collate(std::span<const Features* const> rows,
                                                                                  std::int64_t pad_id,
                                                                                  std::int64_t least = 0);

/// Each row's own outputs, without the batch axis and without what padding added. `specs[i]` describes `outputs[i]`,
/// `sizes` the axes that belong to the checkpoint, and `least` is what `collate` was given.
///
/// Rows share the batch's memory, which lives as long as any of them. Throws BackendError when an output has not the
/// shape that its spec and the rows give: a head may then trust the shapes of what it decodes.
[[nodiscard]] BERT_RUNTIME_API std::vector<Outputs> split(std::span<const FloatArray> outputs,
                                                          std::span<const TensorSpec> specs,
                                                          const std::map<std::string, std::int64_t>& sizes,
                                                          std::span<const Features* const> rows,
                                                          std::int64_t least = 0);

}  // namespace bert_runtime
