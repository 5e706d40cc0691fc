// Every head. To add one: its header, its source, its test, and its name in BERT_RUNTIME_TASKS.
#pragma once

#include <span>
#include <string_view>

#include "bert_runtime/export.h"
#include "bert_runtime/tasks/feature_extraction.h"
#include "bert_runtime/tasks/fill_mask.h"
#include "bert_runtime/tasks/multiple_choice.h"
#include "bert_runtime/tasks/next_sentence_prediction.h"
#include "bert_runtime/tasks/pretraining.h"
#include "bert_runtime/tasks/question_answering.h"
#include "bert_runtime/tasks/text_classification.h"
#include "bert_runtime/tasks/text_generation.h"
#include "bert_runtime/tasks/token_classification.h"

/// X(T) for the type of each task: what the library makes of each, it makes through this list.
#define BERT_RUNTIME_TASKS(X) \
  X(Pretraining)              \
  X(FillMask)                 \
  X(TextGeneration)           \
  X(NextSentencePrediction)   \
  X(TextClassification)       \
  X(MultipleChoice)           \
  X(TokenClassification)      \
  X(QuestionAnswering)        \
  X(FeatureExtraction)

namespace bert_runtime {

/// Every task, as values that live as long as the program. Safe in threads.
[[nodiscard]] BERT_RUNTIME_API std::span<const Task* const> tasks();

/// The task with this name or alias; it lives as long as the program. Safe in threads.
/// Throws InputError: there is none; the message lists those there are.
[[nodiscard]] BERT_RUNTIME_API const Task& find_task(std::string_view name);

}  // namespace bert_runtime
