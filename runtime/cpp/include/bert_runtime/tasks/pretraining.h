// pretraining: both heads that BERT was pretrained with, masked words and the next sentence.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bert_runtime/errors.h"
#include "bert_runtime/export.h"
#include "bert_runtime/tasks/head.h"
#include "bert_runtime/tasks/mask_tokens.h"

namespace bert_runtime {

/// A text with masks, or two texts with or without. A value that owns its texts.
struct PretrainingRequest {
  std::string text;
  std::optional<std::string> next_text = std::nullopt;  ///< The text that may follow it.
  std::int64_t top_k = 5;                               ///< How many candidates to give for each mask.

  /// What is wrong with the request, a sentence for each problem.
  [[nodiscard]] BERT_RUNTIME_API std::vector<Problem> problems() const;
};

/// The words for each mask, and whether `next_text` follows.
struct PretrainingResult {
  std::vector<MaskResult> masks;       ///< The masks of `text`, in its order.
  std::vector<MaskResult> next_masks;  ///< The masks of `next_text`, with places in `next_text`.
  std::optional<bool> is_next;         ///< The score is at least one half; nothing without a `next_text`.
  std::optional<double> score;         ///< The probability that `next_text` follows; nothing without one.
  bool truncated = false;              ///< The end of a text was cut off.
};

/// The pieces that the model reads of each text; `second` is nothing for one text.
struct PretrainingEncoded : Encoded {
  Pieces first;
  std::optional<Pieces> second;
  bool truncated = false;
};

/// Fill-mask and next-sentence-prediction in one row. Safe in threads.
class BERT_RUNTIME_API PretrainingHead : public HeadBase {
 public:
  /// Throws BundleError where the tokenizer cannot write a mask.
  PretrainingHead(TextEncoder text, HeadSettings settings);

  /// One row; the result owns its memory.
  /// Throws InputError: neither a mask nor a `next_text`, or a mask that truncation would cut off.
  [[nodiscard]] PretrainingEncoded encode(const PretrainingRequest& request) const;

  /// The answers of both heads; the result owns its memory.
  /// Throws BackendError: logits of another shape, or not finite.
  [[nodiscard]] PretrainingResult decode(const PretrainingRequest& request, const PretrainingEncoded& encoded,
                                         std::span<const Outputs> outputs) const;
};

/// The task as a type; see HeadTask.
struct Pretraining {
  using Request = PretrainingRequest;
  using Encoded = PretrainingEncoded;
  using Result = PretrainingResult;
  using Head = PretrainingHead;
  [[nodiscard]] BERT_RUNTIME_API static const Task& task();
};

}  // namespace bert_runtime
