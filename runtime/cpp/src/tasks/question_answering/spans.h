// The best answer spans of start and end logits: an exact n-best search over overlapping windows. All is pure.
//
// The rules are those of the SQuAD evaluation (Rajpurkar et al. 2016; the null score: Rajpurkar et al. 2018) as used by
// Devlin et al. 2019: a span's score is start logit + end logit, and the n best spans of all windows share one softmax.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "bert_runtime/text.h"

namespace bert_runtime {

/// Where answers start and end: two arrays with one entry for each piece.
struct AnswerPlaces {
  std::vector<Span> characters;
  std::vector<Span> bytes;
};

/// A part of the context, and the sum of its best start and end logits.
struct AnswerSpan {
  Span characters, bytes;
  double score;
};

/// What the model says of the context pieces in one window; `first` is the number of its first piece in the context.
struct WindowLogits {
  std::span<const float> start, end;
  std::size_t first;
};

/// Where an answer starts and ends that starts, or ends, at a piece.
///
/// With `align_to_words` these are the bounds of the piece's pre-tokenised word, with the combining marks that follow
/// it: an uncased tokenizer strips them, and an answer without them would be another word.
[[nodiscard]] AnswerPlaces answer_places(std::string_view context, const Pieces& pieces, bool align_to_words);

/// The `count` best spans of all windows: higher score first, then the earlier start, then the shorter span.
///
/// A span starts and ends in one window and has at most `longest` pieces. The same characters found in several windows,
/// or from several pieces of a word, are one span with its best score.
[[nodiscard]] std::vector<AnswerSpan> best_spans(std::span<const WindowLogits> windows,
                                                 std::span<const Span> characters, std::span<const Span> bytes,
                                                 std::int64_t longest, std::int64_t count);

}  // namespace bert_runtime
