// From text to an answer: a loaded bundle that encodes, batches, runs and decodes.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "bert_runtime/backends/engine.h"
#include "bert_runtime/errors.h"
#include "bert_runtime/export.h"
#include "bert_runtime/limits.h"
#include "bert_runtime/manifest.h"
#include "bert_runtime/schedule.h"
#include "bert_runtime/tasks/tasks.h"
#include "bert_runtime/tensor.h"
#include "bert_runtime/text.h"

namespace bert_runtime {

class Sources;

/// What a session is made of; `load` makes it.
struct SessionParts {
  Manifest manifest;
  Artefact artefact;  ///< The one that runs.
  TextEncoder text;
  std::shared_ptr<const Engine> engine;
  BatchLimits batch_limits;
  /// Of a decoder that reads an encoder: where what it reads comes from.
  std::shared_ptr<const Sources> sources = nullptr;
  std::int64_t streams = 1;  ///< How many batches run at once, each in a thread.
};

/// A loaded bundle of the task T (Pretraining, FillMask, TextGeneration, NextSentencePrediction, TextClassification,
/// MultipleChoice, TokenClassification, QuestionAnswering, FeatureExtraction).
///
/// A handle: copies share one immutable model, which is freed with the last of them. Every function is const and may be
/// called from several threads at once. Results own their memory and outlive the session.
template <HeadTask T>
class Session {
 public:
  using Request = typename T::Request;
  using Result = typename T::Result;

  /// A result, or why there is none; see error_of.
  using Answer = ItemAnswer<Result>;

  /// The next request of a stream, or why it is none; nothing at the end.
  using Source = std::function<std::optional<ItemAnswer<Request>>()>;
  using Sink = std::function<void(Answer)>;

  /// Asked before a request is read while others wait for their answers: whether the next may be long in coming.
  using IsDue = std::function<bool()>;

  /// Puts the parts together; `load` is the way to make one. Throws BundleError: settings that do not fit the head.
  explicit Session(SessionParts parts);

  /// Answers one request.
  /// Throws InputError: it cannot be answered, with every problem; BackendError: the engine failed.
  [[nodiscard]] Result operator()(const Request& request) const;

  /// Answers requests in their own order, in batches of similar length. A request that has no answer takes no other
  /// with it. Its error stands in the answer's place and names its index. It is an InputError: the request cannot be
  /// answered; a BackendError: the engine fails on it, or gives it numbers that are not finite; or an InternalError.
  /// What a batch meets is blamed on no request before it was tried again alone.
  /// Throws BackendError, without an index: the engine runs nothing any more.
  [[nodiscard]] std::vector<Answer> predict(std::span<const Request> requests) const;

  /// The same for a stream of any length: holds kLookahead requests at a time, and reads none beyond kHeldTokens tokens.
  /// Calls `sink` in the stream's order from this thread. What `source` and `sink` throw passes through.
  ///
  /// The first request is answered before the next is read, in throughput mode as many as run at once. What was read is
  /// answered when `is_due` says so, or without it when `source` takes longer than BatchLimits::max_wait. A source that waits for
  /// an answer before it gives the next request must have an `is_due` that tells.
  void predict(const Source& source, const Sink& sink, const IsDue& is_due = {}) const;

  /// The raw level: the graph's inputs by name, with the dtypes and axes that the manifest names, to its outputs.
  /// `arrays` are read during the call only. Throws InputError: every name, dtype or shape that the graph does not
  /// take; BackendError: the engine failed.
  [[nodiscard]] std::map<std::string, FloatArray> run(std::span<const Input> arrays) const;

  /// Rows as the head encodes them, run in batches of similar length: calls `take` with each one's index and those of
  /// its outputs that `fetch` names; these own their memory. One call at a time, from this thread; in throughput mode
  /// from several. Throws BackendError: the engine failed, or the graph gives no such output; and what `take` throws.
  void outputs(std::span<const Features* const> rows, std::span<const std::string> fetch,
               const std::function<void(std::size_t, Outputs)>& take) const;

  /// These live as long as a copy of the session.
  [[nodiscard]] const Manifest& manifest() const { return state().parts.manifest; }
  [[nodiscard]] const Artefact& artefact() const { return state().parts.artefact; }
  [[nodiscard]] const Engine& engine() const { return *state().parts.engine; }
  [[nodiscard]] const TextEncoder& text() const { return state().parts.text; }

 protected:
  struct State {
    SessionParts parts;
    typename T::Head head;
    std::vector<TensorSpec> fetched;  ///< The outputs that the head reads.
  };

  [[nodiscard]] const State& state() const { return *state_; }

 private:
  using Item = std::pair<Request, typename T::Encoded>;
  using Prepared = ItemAnswer<Item>;  ///< A request of a stream, encoded, or why there is none.

  [[nodiscard]] typename T::Encoded encoded(const Request& request) const;
  [[nodiscard]] std::vector<Answer> decoded(std::span<const Item> items) const;
  [[nodiscard]] Answer again(const Item& item, std::int64_t index) const;
  void probe() const;
  void answer_stream(const Source& source, const Sink& sink, const IsDue& is_due, bool is_known) const;
  [[nodiscard]] Prepared prepared(ItemAnswer<Request> given) const;
  void answer_chunk(std::vector<Prepared> chunk, std::int64_t first, const Sink& sink) const;

  std::shared_ptr<const State> state_;
};

#define BERT_RUNTIME_DECLARE(T) extern template class BERT_RUNTIME_API Session<T>;
BERT_RUNTIME_TASKS(BERT_RUNTIME_DECLARE)
#undef BERT_RUNTIME_DECLARE

/// A session that continues texts; also gives a text as it grows, and the graph of a source.
class BERT_RUNTIME_API GenerationSession : public Session<TextGeneration> {
 public:
  using Session::Session;

  /// Calls `on_text` from this thread with the text as it grows, in parts that join to the result's text; false from it
  /// ends the generation. Throws InputError: the request cannot be answered, or asks for beams or several texts, which
  /// grow side by side; BackendError: the engine failed. What `on_text` throws passes through.
  void stream(const TextGenerationRequest& request, const std::function<bool(std::string_view)>& on_text) const;

  /// The raw level of the graph that is run once for each source: `encoder_hidden_states`, float32 of (sources, source,
  /// hidden), to the `cross_key_values` that `run` takes. `arrays` are read during the call only.
  /// Throws InputError: the bundle has no such graph, or it does not take these arrays; BackendError: the engine
  /// failed.
  [[nodiscard]] std::map<std::string, FloatArray> run_source(std::span<const Input> arrays) const;
};

}  // namespace bert_runtime
