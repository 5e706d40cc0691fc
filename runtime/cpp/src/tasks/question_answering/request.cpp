#include "tasks/request.h"

#include <array>

#include "bert_runtime/tasks/question_answering.h"
#include "tasks/json_form.h"

namespace bert_runtime {

template <>
struct Fields<QuestionAnsweringRequest> {
  static constexpr auto list = std::tuple(required("question", &QuestionAnsweringRequest::question),
                                          required("context", &QuestionAnsweringRequest::context),
                                          field("top_k", &QuestionAnsweringRequest::top_k),
                                          field("max_answer_length", &QuestionAnsweringRequest::max_answer_length),
                                          field("doc_stride", &QuestionAnsweringRequest::doc_stride),
                                          field("max_question_length", &QuestionAnsweringRequest::max_question_length),
                                          field("align_to_words", &QuestionAnsweringRequest::align_to_words),
                                          field("handle_no_answer", &QuestionAnsweringRequest::handle_no_answer),
                                          field("no_answer_threshold", &QuestionAnsweringRequest::no_answer_threshold));
};

template <>
struct Fields<Answer> {
  static constexpr auto list = std::tuple(field("text", &Answer::text), field("score", &Answer::score),
                                          field("start", &Answer::start), field("end", &Answer::end));
};

template <>
struct Fields<QuestionAnsweringResult> {
  static constexpr auto list = std::tuple(field("answers", &QuestionAnsweringResult::answers),
                                          field("no_answer_score", &QuestionAnsweringResult::no_answer_score),
                                          field("no_answer_margin", &QuestionAnsweringResult::no_answer_margin),
                                          field("question_truncated", &QuestionAnsweringResult::question_truncated));
};

std::vector<Problem> QuestionAnsweringRequest::problems() const {
  Problems problems = field_mistakes(*this);
  if (!problems.empty()) return problems;
  if (is_blank(question)) problems.push_back({"empty", "question", "question is empty, expected text"});
  if (is_blank(context)) problems.push_back({"empty", "context", "context is empty, expected text"});
  struct Limit {
    const char* name;
    std::int64_t value, least;
  };
  for (const auto& [name, value, least] :
       {Limit{"top_k", top_k, 1}, Limit{"max_answer_length", max_answer_length, 1},
        Limit{"max_question_length", max_question_length, 1}, Limit{"doc_stride", doc_stride, 0}}) {
    if (value >= least) continue;
    problems.push_back(
        {"out-of-range", std::string(name),
         std::string(name) + " is " + std::to_string(value) + ", expected " + std::to_string(least) + " or more"});
  }
  return problems;
}

const Task& QuestionAnswering::task() {
  static const Task& task = task_named("question-answering");
  return task;
}

template QuestionAnsweringRequest request_from_json<QuestionAnswering>(const Json&);
template std::vector<RequestField> request_fields<QuestionAnswering>();
template Json result_to_json<QuestionAnswering>(const QuestionAnsweringResult&);

}  // namespace bert_runtime
