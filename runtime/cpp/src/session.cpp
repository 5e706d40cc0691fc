#include "bert_runtime/session.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>

#include "feeds.h"
#include "generation/session.h"
#include "generation/sources.h"
#include "python_repr.h"

namespace bert_runtime {
namespace {

/// The specs of these outputs. Throws BackendError: the graph gives no such output.
std::vector<TensorSpec> specs_of(std::span<const std::string> names, const Artefact& artefact) {
  std::vector<TensorSpec> specs;
  for (const std::string& name : names) {
    const auto found = std::ranges::find(artefact.outputs, name, &TensorSpec::name);
    if (found == artefact.outputs.end()) {
      throw BackendError("the graph gives no " + repr(name) +
                         ", expected it among its outputs; export the bundle again");
    }
    specs.push_back(*found);
  }
  return specs;
}

std::vector<std::string> names(std::span<const TensorSpec> specs) {
  std::vector<std::string> found;
  for (const TensorSpec& spec : specs) found.push_back(spec.name);
  return found;
}

/// One batch through the engine: each row's outputs.
std::vector<Outputs> run_batch(const SessionParts& parts, std::span<const TensorSpec> fetch,
                               std::span<const Features* const> rows) {
  const auto feeds = collate(rows, parts.text.pad_id());
  std::vector<Input> inputs;
  for (const TensorSpec& spec : parts.artefact.inputs) {
    const Tensor& tensor = feeds.at(spec.name);
    inputs.push_back({spec.name, tensor.shape, std::span(std::get<std::vector<std::int64_t>>(tensor.values))});
  }
  return split(parts.engine->run(inputs, names(fetch)), fetch, parts.manifest.sizes, rows);
}

using Take = std::function<void(std::size_t, Outputs)>;

/// See Session::outputs. Each stream takes the next batch when it has done one; `take` is called by one at a time.
void run_rows(const SessionParts& parts, std::span<const TensorSpec> fetch, std::span<const Features* const> rows,
              const Take& take) {
  const std::vector<std::vector<std::size_t>> batches = plan(rows, parts.budget);
  std::atomic<std::size_t> next = 0;
  std::mutex taking;
  std::exception_ptr failure;
  const auto run_batches = [&] {
    try {
      for (std::size_t n = next++; n < batches.size(); n = next++) {
        std::vector<const Features*> chosen;
        for (const std::size_t i : batches[n]) chosen.push_back(rows[i]);
        std::vector<Outputs> found = run_batch(parts, fetch, chosen);
        const std::scoped_lock lock(taking);
        for (std::size_t k = 0; k < batches[n].size(); ++k) take(batches[n][k], std::move(found[k]));
      }
    } catch (...) {
      next = batches.size();  // the other streams end with what they have begun
      const std::scoped_lock lock(taking);
      if (!failure) failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> others;  // joined at the end of the block
    const std::size_t streams = std::min<std::size_t>(static_cast<std::size_t>(parts.streams), batches.size());
    for (std::size_t n = 1; n < streams; ++n) others.emplace_back(run_batches);
    run_batches();
  }
  if (failure) std::rethrow_exception(failure);
}

/// Which request a row belongs to, and which of its rows it is.
struct RowOfItem {
  std::size_t item;
  std::size_t row;
};

template <class T, class Item>
std::vector<std::variant<typename T::Result, BackendError>> answered(const SessionParts& parts,
                                                                     const typename T::Head& head,
                                                                     std::span<const TensorSpec> fetch,
                                                                     std::span<const Item> items) {
  std::vector<const Features*> rows;
  std::vector<RowOfItem> places;
  for (std::size_t n = 0; n < items.size(); ++n) {
    for (const Features& row : items[n].second.features) {
      places.push_back({n, static_cast<std::size_t>(&row - items[n].second.features.data())});
      rows.push_back(&row);
    }
  }
  std::vector<std::vector<Outputs>> outputs(items.size());
  std::vector<std::size_t> waiting(items.size());
  for (std::size_t n = 0; n < items.size(); ++n) {
    waiting[n] = items[n].second.features.size();
    outputs[n].resize(waiting[n]);
  }
  std::vector<std::optional<std::variant<typename T::Result, BackendError>>> answers(items.size());
  // Decoded as soon as its rows are done: outputs may be large (vocabulary x sequence).
  const auto decode = [&](std::size_t n) {
    try {
      answers[n] = head.decode(items[n].first, items[n].second, outputs[n]);
    } catch (const BackendError& error) {  // thrown in its turn: the answers before it come first
      answers[n] = error;
    }
    outputs[n].clear();
  };
  run_rows(parts, fetch, rows, [&](std::size_t i, Outputs own) {
    const RowOfItem place = places[i];
    outputs[place.item][place.row] = std::move(own);
    if (--waiting[place.item] == 0) decode(place.item);
  });
  std::vector<std::variant<typename T::Result, BackendError>> whole;
  for (auto& answer : answers) whole.push_back(std::move(*answer));
  return whole;
}

template <class State>
GenerationParts generation_parts(const State& state) {
  const SessionParts& parts = state.parts;
  return {*parts.engine, parts.artefact, parts.manifest.sizes, state.head, parts.budget, parts.sources.get()};
}

}  // namespace

template <HeadTask T>
Session<T>::Session(SessionParts parts) {
  typename T::Head head(parts.text, parts.manifest.settings);
  std::vector<TensorSpec> specs = specs_of(head.fetch(names(parts.artefact.outputs)), parts.artefact);
  state_ = std::make_shared<const State>(State{std::move(parts), std::move(head), std::move(specs)});
}

template <HeadTask T>
auto Session<T>::operator()(const Request& request) const -> Result {
  const Item item(request, encoded(request));
  auto answer = std::move(decoded({&item, 1}).front());
  if (const auto* error = std::get_if<BackendError>(&answer)) throw *error;
  return std::get<Result>(std::move(answer));
}

template <HeadTask T>
auto Session<T>::predict(std::span<const Request> requests) const -> std::vector<Answer> {
  std::vector<Answer> answers;
  auto next = requests.begin();
  const Source source = [&]() -> std::optional<std::variant<Request, InputError>> {
    if (next == requests.end()) return std::nullopt;
    return *next++;
  };
  predict(source, [&](Answer answer) { answers.push_back(std::move(answer)); });
  return answers;
}

template <HeadTask T>
void Session<T>::predict(const Source& source, const Sink& sink) const {
  for (std::int64_t first = 0;; first += static_cast<std::int64_t>(kLookahead)) {
    std::vector<std::variant<Request, InputError>> chunk;
    std::exception_ptr failure;
    try {
      while (chunk.size() < kLookahead) {
        auto next = source();
        if (!next) break;
        chunk.push_back(std::move(*next));
      }
    } catch (...) {  // what the source gave before it broke is still answered
      failure = std::current_exception();
    }
    const bool is_last = chunk.size() < kLookahead;
    answer_chunk(std::move(chunk), first, sink);
    if (failure) std::rethrow_exception(failure);
    if (is_last) return;
  }
}

template <HeadTask T>
void Session<T>::answer_chunk(std::vector<std::variant<Request, InputError>> chunk, std::int64_t first,
                              const Sink& sink) const {
  std::vector<Item> items;
  std::vector<std::optional<InputError>> errors(chunk.size());
  for (std::size_t i = 0; i < chunk.size(); ++i) {
    try {
      if (const auto* error = std::get_if<InputError>(&chunk[i])) throw *error;
      Request& request = std::get<Request>(chunk[i]);
      auto rows = encoded(request);
      items.emplace_back(std::move(request), std::move(rows));
    } catch (const InputError& error) {
      errors[i] = error.at(first + static_cast<std::int64_t>(i));
    }
  }
  auto answers = decoded(items);
  auto next = answers.begin();
  for (const std::optional<InputError>& error : errors) {
    if (error) {
      sink(*error);
      continue;
    }
    if (const auto* failed = std::get_if<BackendError>(&*next)) throw *failed;
    sink(std::get<Result>(std::move(*next++)));
  }
}

template <HeadTask T>
typename T::Encoded Session<T>::encoded(const Request& request) const {
  if constexpr (std::is_same_v<T, TextGeneration>) {
    return encoded_prompt(generation_parts(state()), request);
  } else {
    return state().head.encode(request);
  }
}

template <HeadTask T>
auto Session<T>::decoded(std::span<const Item> items) const -> std::vector<std::variant<Result, BackendError>> {
  if constexpr (std::is_same_v<T, TextGeneration>) {
    return generated(generation_parts(state()), items);
  } else {
    return answered<T>(state().parts, state().head, state().fetched, items);
  }
}

template <HeadTask T>
std::map<std::string, FloatArray> Session<T>::run(std::span<const Input> arrays) const {
  return run_checked(engine(), arrays, artefact(), text().max_length());
}

template <HeadTask T>
void Session<T>::outputs(std::span<const Features* const> rows, std::span<const std::string> fetch,
                         const std::function<void(std::size_t, Outputs)>& take) const {
  run_rows(state().parts, specs_of(fetch, artefact()), rows, take);
}

void GenerationSession::stream(const TextGenerationRequest& request,
                               const std::function<bool(std::string_view)>& on_text) const {
  bert_runtime::stream(generation_parts(state()), request, on_text);
}

std::map<std::string, FloatArray> GenerationSession::run_source(std::span<const Input> arrays) const {
  const Sources* sources = state().parts.sources.get();
  if (!sources) throw InputError("this decoder reads no encoder, expected a bundle with the graph of a source");
  return sources->run(arrays, text().max_length());
}

#define BERT_RUNTIME_DEFINE(T) template class Session<T>;
BERT_RUNTIME_TASKS(BERT_RUNTIME_DEFINE)
#undef BERT_RUNTIME_DEFINE

}  // namespace bert_runtime
