#include <algorithm>
#include <cmath>
#include <limits>

#include "bert_runtime/errors.h"
#include "bert_runtime/tasks/question_answering.h"
#include "tasks/question_answering/spans.h"
#include "tasks/request.h"
#include "tasks/scores.h"

namespace bert_runtime {
namespace {

/// How many spans share the softmax when fewer answers are asked for, as in the SQuAD evaluation.
constexpr std::int64_t kBest = 20;

std::int64_t room_for_pair(const TextEncoder& text) {
  const std::int64_t room = text.room(true);
  if (room >= 2) return room;
  throw InputError(
      Problem("too-long", "question",
              "the model takes " + std::to_string(text.max_length()) + " tokens, which leaves " +
                  std::to_string(std::max<std::int64_t>(room, 0)) +
                  " beside the special ones; expected room for one token of the question and one of the context: "
                  "use a model of longer sequences"));
}

void require_tokens(const Pieces& question, const Pieces& context) {
  constexpr const char* kProblem = " has no character that the tokenizer keeps, expected text";
  Problems problems;
  if (question.empty()) problems.push_back({"empty", "question", std::string("question") + kProblem});
  if (context.empty()) problems.push_back({"empty", "context", std::string("context") + kProblem});
  raise_input_problems(problems);
}

/// The logits of each window, once every one of them is a number.
std::vector<WindowLogits> window_logits(const QuestionAnsweringEncoded& encoded, std::span<const Outputs> outputs) {
  std::vector<WindowLogits> windows;
  for (std::size_t i = 0; i < encoded.windows.size(); ++i) {
    const FloatArray& start = output(outputs[i], "start_logits");
    const FloatArray& end = output(outputs[i], "end_logits");
    require_finite(start.values, "start_logits");
    require_finite(end.values, "end_logits");
    const auto from = static_cast<std::size_t>(encoded.windows[i].row.begin);
    const auto size = static_cast<std::size_t>(encoded.windows[i].row.size());
    for (const FloatArray* logits : {&start, &end}) {
      if (logits->shape.size() == 1 && from + size <= logits->values.size()) continue;
      throw BackendError("start or end logits have the shape " + shape_text(logits->shape) + ", expected at least (" +
                         std::to_string(from + size) + " tokens,); export the bundle again");
    }
    windows.push_back({start.values.subspan(from, size), end.values.subspan(from, size),
                       static_cast<std::size_t>(encoded.windows[i].pieces.begin)});
  }
  return windows;
}

/// The score of "no answer": at [CLS], in the window least sure of it.
double null_score(std::span<const Outputs> outputs) {
  double least = std::numeric_limits<double>::infinity();
  for (const Outputs& row : outputs) {
    const double start = output(row, "start_logits").values[0], end = output(row, "end_logits").values[0];
    least = std::min(least, start + end);
  }
  return least;
}

/// The shares of scores, with a sum that is exact but for its last rounding (Neumaier 1974), as Python's math.fsum is.
std::vector<double> shares_of(const std::vector<double>& scores) {
  const double highest = std::ranges::max(scores);
  std::vector<double> shares(scores.size());
  double sum = 0, lost = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    shares[i] = std::exp(scores[i] - highest);
    const double next = sum + shares[i];
    lost += sum >= shares[i] ? (sum - next) + shares[i] : (shares[i] - next) + sum;
    sum = next;
  }
  for (double& share : shares) share /= sum + lost;
  return shares;
}

std::string part(const std::string& context, Span bytes) {
  return context.substr(static_cast<std::size_t>(bytes.begin), static_cast<std::size_t>(bytes.size()));
}

QuestionAnsweringResult result_of(const QuestionAnsweringRequest& request, std::span<const AnswerSpan> spans,
                                  std::optional<double> null) {
  std::vector<double> scores;
  for (const AnswerSpan& span : spans) scores.push_back(span.score);
  if (null) scores.push_back(*null);
  const std::vector<double> shares = shares_of(scores);
  QuestionAnsweringResult result;
  const auto most = static_cast<std::size_t>(request.top_k);
  if (null) {
    result.no_answer_score = shares.back();
    result.no_answer_margin = *null - spans.front().score;
    if (*result.no_answer_margin > request.no_answer_threshold) result.answers.push_back({"", shares.back(), 0, 0, {}});
  }
  for (std::size_t i = 0; i < spans.size() && result.answers.size() < most; ++i) {
    const Span at = spans[i].characters;
    result.answers.push_back({part(request.context, spans[i].bytes), shares[i], at.begin, at.end, spans[i].bytes});
  }
  return result;
}

}  // namespace

QuestionAnsweringEncoded QuestionAnsweringHead::encode(const QuestionAnsweringRequest& request) const {
  raise_input_problems(request.problems());
  const Pieces whole = text().pieces(request.question), context = text().pieces(request.context);
  require_tokens(whole, context);
  const std::int64_t pair = room_for_pair(text());
  const Pieces question = whole.part({0, std::min({request.max_question_length, pair / 2, whole.size()})});
  const std::int64_t room = pair - question.size();
  QuestionAnsweringEncoded encoded;
  for (const Span part : TextEncoder::windows(context.size(), room, std::min(request.doc_stride, room / 2))) {
    const Pieces window = context.part(part);
    const Row row = text().row(question, &window);
    encoded.features.push_back(Features::from_row(row));
    encoded.windows.push_back({*row.second, part});
  }
  AnswerPlaces places = answer_places(request.context, context, request.align_to_words);
  encoded.characters = std::move(places.characters);
  encoded.bytes = std::move(places.bytes);
  encoded.question_truncated = question.size() < whole.size();
  return encoded;
}

QuestionAnsweringResult QuestionAnsweringHead::decode(const QuestionAnsweringRequest& request,
                                                      const QuestionAnsweringEncoded& encoded,
                                                      std::span<const Outputs> outputs) const {
  const std::vector<WindowLogits> windows = window_logits(encoded, outputs);
  const auto spans =
      best_spans(windows, encoded.characters, encoded.bytes, request.max_answer_length, std::max(kBest, request.top_k));
  const auto null = request.handle_no_answer ? std::optional(null_score(outputs)) : std::nullopt;
  QuestionAnsweringResult result = result_of(request, spans, null);
  result.question_truncated = encoded.question_truncated;
  return result;
}

}  // namespace bert_runtime
