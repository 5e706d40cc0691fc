// fill-mask: the words that fit where a text has a mask.
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

/// A text with one mask or more, written as the tokenizer's mask token, [MASK] in most. A value that owns its texts.
struct FillMaskRequest {
  std::string text;
  std::int64_t top_k = 5;  ///< How many candidates to give for each mask.
  /// Entries of the vocabulary; the only candidates, where given. Their scores stay probabilities among all of it.
  std::optional<std::vector<std::string>> targets = std::nullopt;

  /// What is wrong with the request, a sentence for each problem.
  [[nodiscard]] BERT_RUNTIME_API std::vector<Problem> problems() const;
};

/// The masks in the order of the text; `truncated` says that the model did not read the text to its end.
struct FillMaskResult {
  std::vector<MaskResult> masks;
  bool truncated = false;
};

/// The pieces that the model reads, and the ids of the targets (nothing: the whole vocabulary).
struct FillMaskEncoded : Encoded {
  Pieces pieces;
  std::optional<std::vector<std::int64_t>> target_ids;
  bool truncated = false;
};

/// The most probable entries of the vocabulary at each mask. Safe in threads.
class BERT_RUNTIME_API FillMaskHead : public HeadBase {
 public:
  /// Throws BundleError where the tokenizer cannot write a mask.
  FillMaskHead(TextEncoder text, HeadSettings settings);

  /// One row; the result owns its memory.
  /// Throws InputError: no mask, a mask that truncation would cut off, a target that is not in the vocabulary.
  [[nodiscard]] FillMaskEncoded encode(const FillMaskRequest& request) const;

  /// The candidates of each mask; the result owns its memory.
  /// Throws BackendError: logits of another shape, or not finite, or fewer than the targets need.
  [[nodiscard]] FillMaskResult decode(const FillMaskRequest& request, const FillMaskEncoded& encoded,
                                      std::span<const Outputs> outputs) const;
};

/// The task as a type; see HeadTask.
struct FillMask {
  using Request = FillMaskRequest;
  using Encoded = FillMaskEncoded;
  using Result = FillMaskResult;
  using Head = FillMaskHead;
  [[nodiscard]] BERT_RUNTIME_API static const Task& task();
};

}  // namespace bert_runtime
