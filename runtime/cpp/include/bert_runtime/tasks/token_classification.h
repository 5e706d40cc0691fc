// Token classification, such as named entity recognition: from texts of any length to entities with their places.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bert_runtime/errors.h"
#include "bert_runtime/export.h"
#include "bert_runtime/tasks/entities.h"
#include "bert_runtime/tasks/head.h"

namespace bert_runtime {

/// A text to label. A value that owns its texts.
struct TokenClassificationRequest {
  std::string text;                    ///< Of any length; empty or blank text has no entities.
  std::string aggregation = "simple";  ///< How tokens become entities: none, simple, first, average or max.
  std::optional<std::int64_t> stride = std::nullopt;  ///< How many tokens windows share; nothing: a quarter of one.
  std::vector<std::string> ignore_labels = {"O"};     ///< Left out, as they stand in the result.

  /// What is wrong with the request, a sentence for each problem.
  [[nodiscard]] BERT_RUNTIME_API std::vector<Problem> problems() const;
};

/// The entities of a text, from left to right.
struct TokenClassificationResult {
  std::vector<Entity> entities;
};

/// A text as windows: `windows[i]` is the part of `pieces` in row i, which begins at `first` in every row.
struct TokenClassificationEncoded : Encoded {
  Pieces pieces;
  std::vector<Span> windows;
  std::int64_t first = 0;
};

/// Labels every token, then aggregates once over the whole text. Safe in threads.
///
/// A text longer than the model is read through overlapping windows, and each token's logits come from the window that
/// shows most of its context. Aggregation then sees one sequence of tokens, as if there were no windows: an entity or a
/// word that crosses a border is found once and whole.
class BERT_RUNTIME_API TokenClassificationHead : public HeadBase {
 public:
  /// Throws BundleError where the bundle names no labels.
  TokenClassificationHead(TextEncoder text, HeadSettings settings);

  /// One row for each window; the result owns its memory. Throws InputError: the stride is not smaller than a window.
  [[nodiscard]] TokenClassificationEncoded encode(const TokenClassificationRequest& request) const;

  /// The entities; the result owns its memory.
  /// Throws BackendError: logits that are not finite, or not one for each label of each token.
  [[nodiscard]] TokenClassificationResult decode(const TokenClassificationRequest& request,
                                                 const TokenClassificationEncoded& encoded,
                                                 std::span<const Outputs> outputs) const;

 private:
  std::vector<Tag> tags_;
};

/// The task as a type; see HeadTask.
struct TokenClassification {
  using Request = TokenClassificationRequest;
  using Encoded = TokenClassificationEncoded;
  using Result = TokenClassificationResult;
  using Head = TokenClassificationHead;
  [[nodiscard]] BERT_RUNTIME_API static const Task& task();
};

}  // namespace bert_runtime
