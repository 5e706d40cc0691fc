// Extractive question answering: the spans of a context that answer a question, or that there is no answer.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bert_runtime/errors.h"
#include "bert_runtime/export.h"
#include "bert_runtime/tasks/head.h"

namespace bert_runtime {

/// A question about a context. A value that owns its texts.
struct QuestionAnsweringRequest {
  std::string question;                   ///< Beyond `max_question_length`, or half of the model's room, it is cut.
  std::string context;                    ///< Of any length; it is read in overlapping windows.
  std::int64_t top_k = 1;                 ///< How many answers to return at most.
  std::int64_t max_answer_length = 30;    ///< In tokens, before alignment to words.
  std::int64_t doc_stride = 128;          ///< How many tokens neighbouring windows share; at most half of a window.
  std::int64_t max_question_length = 64;  ///< In tokens.
  bool align_to_words = true;             ///< Whether an answer is widened to the words that it starts and ends in.
  bool handle_no_answer = false;          ///< Whether "no answer" competes; for models of SQuAD 2 and the like.
  double no_answer_threshold = 0.0;       ///< "No answer" wins when it exceeds the best span by more (in logits).

  /// What is wrong with the request, a sentence for each problem.
  [[nodiscard]] BERT_RUNTIME_API std::vector<Problem> problems() const;
};

/// An answer: code points [start, end) of the context, all empty for "no answer".
struct Answer {
  std::string text;
  double score = 0;  ///< The softmax over the n best spans, and "no answer" where the request handles it.
  std::int64_t start = 0;
  std::int64_t end = 0;
  Span bytes;  ///< In bytes: `text == context.substr(bytes.begin, bytes.size())`. Not in JSON.
};

/// The answers, best first. A value that owns its texts.
struct QuestionAnsweringResult {
  /// At most `top_k`; of equal scores the earlier start, then the shorter span. Where "no answer" wins, the first is
  /// the empty answer; where it loses, it is not among them.
  std::vector<Answer> answers;
  std::optional<double> no_answer_score;   ///< The share of "no answer"; nothing where the request does not handle it.
  std::optional<double> no_answer_margin;  ///< Its score minus the best span's, in logits.
  bool question_truncated = false;         ///< Whether the model read only the beginning of the question.
};

/// Which part of the context a row holds: `row` in the row's tokens, `pieces` in the context's pieces.
struct ContextWindow {
  Span row;
  Span pieces;
};

/// One row for each window of the context.
struct QuestionAnsweringEncoded : Encoded {
  std::vector<ContextWindow> windows;
  std::vector<Span> characters;  ///< For each context piece, where an answer starts, or ends, that does so there.
  std::vector<Span> bytes;       ///< The same in bytes.
  bool question_truncated = false;
};

/// [CLS] question [SEP] window of the context [SEP] in; start and end logits of each token out. Safe in threads.
class BERT_RUNTIME_API QuestionAnsweringHead : public HeadBase {
 public:
  using HeadBase::HeadBase;

  /// The question with each window of the context; the result owns its memory.
  /// Throws InputError: no token is left of the question or of the context, or the model is too short for one of each.
  [[nodiscard]] QuestionAnsweringEncoded encode(const QuestionAnsweringRequest& request) const;

  /// The best spans of all windows; the result owns its memory.
  /// Throws BackendError: a logit is infinite or not a number.
  [[nodiscard]] QuestionAnsweringResult decode(const QuestionAnsweringRequest& request,
                                               const QuestionAnsweringEncoded& encoded,
                                               std::span<const Outputs> outputs) const;
};

/// The task as a type; see HeadTask.
struct QuestionAnswering {
  using Request = QuestionAnsweringRequest;
  using Encoded = QuestionAnsweringEncoded;
  using Result = QuestionAnsweringResult;
  using Head = QuestionAnsweringHead;
  [[nodiscard]] BERT_RUNTIME_API static const Task& task();
};

}  // namespace bert_runtime
