// text-generation: how a text goes on, and what it goes on from: a prompt, or besides what an encoder read.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "bert_runtime/errors.h"
#include "bert_runtime/export.h"
#include "bert_runtime/features.h"
#include "bert_runtime/limits.h"
#include "bert_runtime/tasks/encoder_states.h"
#include "bert_runtime/tasks/head.h"

namespace bert_runtime {

/// How a text is continued; names, meanings and order of application are those of transformers' `generate`.
struct GenerationSettings {
  std::int64_t max_new_tokens = 50;  ///< How many tokens to add at most; prompt and new tokens must fit the model.
  bool do_sample = false;            ///< Draw tokens by their probability, instead of taking the most probable.
  double temperature = 1.0;          ///< With do_sample, what the logits are divided by: above 1 more even.
  std::int64_t top_k = 50;           ///< With do_sample, how many of the most probable to draw from; 0: all.
  double top_p = 1.0;                ///< With do_sample, only the most probable tokens that together reach this.
  std::optional<std::int64_t> seed = std::nullopt;  ///< With do_sample, makes draws repeatable, the same as Python's.
  std::int64_t num_beams = 1;             ///< How many continuations are followed at once; not with do_sample.
  std::int64_t num_return_sequences = 1;  ///< How many to give: at most num_beams, or any number with do_sample.
  double length_penalty = 1.0;            ///< With beams, the power of the length that a score is divided by.
  bool early_stopping = false;            ///< With beams, stop as soon as there are num_beams whole continuations.
  double repetition_penalty = 1.0;        ///< What the logits of tokens that the text has already are divided by.
  /// The entry of the vocabulary that ends a text; nothing: what the tokenizer puts after a text; empty: none does.
  std::optional<std::string> eos = std::nullopt;
  /// start (the tokenizer's [CLS] before the prompt), none, or both (its [SEP] after it).
  std::string special_tokens = "start";

  /// What is wrong with the settings, a sentence for each problem.
  [[nodiscard]] BERT_RUNTIME_API std::vector<Problem> problems() const;
};

/// A text to go on with, and how. A value that owns its texts. In JSON the settings stand beside the prompt.
struct TextGenerationRequest {
  std::string prompt;  ///< Empty, the model starts from the tokenizer's [CLS] alone.
  GenerationSettings settings = {};
  /// For a decoder that reads an encoder: the text that the encoder reads, or its states.
  std::optional<std::variant<std::string, EncoderStates>> encoder_text = std::nullopt;

  /// What is wrong with the request, a sentence for each problem.
  [[nodiscard]] BERT_RUNTIME_API std::vector<Problem> problems() const;
};

/// A continuation.
struct GeneratedText {
  std::string text;                     ///< What follows the prompt, without special tokens.
  std::vector<std::int64_t> token_ids;  ///< The tokens that were added, the ending one included.
  std::string finish_reason;            ///< eos (the text ended) or length (max_new_tokens were reached).
  std::optional<double> score;          ///< With beams: the sum of log probabilities over the power of the length.
};

/// The continuations, num_return_sequences of them; with beams the best comes first.
struct TextGenerationResult {
  std::vector<GeneratedText> sequences;
};

/// What a decoder reads besides its prompt: nothing, an encoder's states, or the row that an encoder is still to read.
using PromptSource = std::variant<std::monostate, EncoderStates, Features>;

/// A prompt as ids, and the id that ends a text (nothing: none does).
struct Prompt : Encoded {
  std::vector<std::int64_t> ids;
  std::optional<std::int64_t> eos_id;
  PromptSource source = {};

  /// How many tokens the source has; 0 where there is none.
  [[nodiscard]] BERT_RUNTIME_API std::int64_t source_length() const;
};

/// New tokens: their ids, with the ending one, and the score of a beam.
struct Continuation {
  std::vector<std::int64_t> ids;
  std::optional<double> score = std::nullopt;
};

/// The prompt is `[CLS] text` without [SEP], which would end it. Safe in threads.
class BERT_RUNTIME_API TextGenerationHead : public HeadBase {
 public:
  using HeadBase::HeadBase;

  /// The prompt as one row; it owns its memory. The request's source is the session's to read.
  /// Throws InputError: prompt and new tokens do not fit the model, nothing to start from, or an unknown `eos`.
  [[nodiscard]] Prompt encode(const TextGenerationRequest& request) const;

  /// What one run of the graph over the prompt says: its most probable next token. Throws BackendError: not finite.
  [[nodiscard]] TextGenerationResult decode(const TextGenerationRequest& request, const Prompt& encoded,
                                            std::span<const Outputs> outputs) const;

  /// Continuations as text; the result owns its memory.
  [[nodiscard]] TextGenerationResult result(const Prompt& prompt, std::span<const Continuation> continuations) const;

  /// What new tokens add to the prompt's text: a piece that continues a word needs no space before it.
  [[nodiscard]] std::string continued(const Prompt& prompt, std::span<const std::int64_t> ids) const;
};

/// The task as a type; see HeadTask.
struct TextGeneration {
  using Request = TextGenerationRequest;
  using Encoded = Prompt;
  using Result = TextGenerationResult;
  using Head = TextGenerationHead;
  [[nodiscard]] BERT_RUNTIME_API static const Task& task();
};

}  // namespace bert_runtime
