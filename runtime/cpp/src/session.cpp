#include "bert_runtime/session.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <type_traits>
#include <utility>

#include "feeds.h"
#include "generation/session.h"
#include "generation/sources.h"
#include "item_failure.h"
#include "model.h"

namespace bert_runtime {
namespace {

/// Which request a row belongs to, and which of its rows it is.
struct RowOfItem {
  std::size_t item;
  std::size_t row;
};

template <class T, class Item>
std::vector<ItemAnswer<typename T::Result>> answered(const SessionParts& parts, const typename T::Head& head,
                                                     std::span<const TensorSpec> fetch, std::span<const Item> items) {
  using Answer = ItemAnswer<typename T::Result>;
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
  std::vector<std::optional<Answer>> answers(items.size());
  // Decoded as soon as its rows are done: outputs may be large (vocabulary x sequence).
  const auto decode = [&](std::size_t n) {
    try {
      if (!answers[n]) answers[n] = head.decode(items[n].first, items[n].second, outputs[n]);
    } catch (...) {
      answers[n] = answer_of<typename T::Result>(item_failure(std::current_exception()));
    }
    outputs[n].clear();
  };
  run_rows(parts, fetch, rows, [&](std::size_t i, Tried own) {
    const RowOfItem place = places[i];
    if (const auto* failed = std::get_if<ItemFailure>(&own)) {
      answers[place.item] = answer_of<typename T::Result>(*failed);
    } else {
      outputs[place.item][place.row] = std::get<Outputs>(std::move(own));
    }
    if (--waiting[place.item] == 0) decode(place.item);
  });
  std::vector<Answer> whole;
  for (auto& answer : answers) whole.push_back(std::move(*answer));
  return whole;
}

/// How much of memory an encoded request takes.
std::int64_t tokens_of(const Encoded& encoded) {
  std::int64_t tokens = 0;
  for (const Features& row : encoded.features) tokens += static_cast<std::int64_t>(row.ids.size());
  return tokens;
}

std::int64_t tokens_of(const Prompt& prompt) {
  return static_cast<std::int64_t>(prompt.ids.size()) + prompt.source_length();
}

/// The least that a model of this task takes: special tokens alone.
Features least_row(const SessionParts& parts, const Task& task) {
  Features least = Features::from_row(parts.text.row(parts.text.pieces("")));
  if (task.choices) least.choices = 1;
  const auto& inputs = parts.artefact.inputs;
  if (std::ranges::find(inputs, "positions", &TensorSpec::name) != inputs.end()) least.positions = {0};
  return least;
}

template <class State>
GenerationParts generation_parts(const State& state) {
  const SessionParts& parts = state.parts;
  return {*parts.engine, parts.artefact, parts.manifest.sizes, state.head, parts.batch_limits, parts.sources.get()};
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
  Answer answer = std::move(decoded({&item, 1}).front());
  if (const auto failure = failure_of<Result>(answer)) throw_failure(*failure);
  return std::get<Result>(std::move(answer));
}

template <HeadTask T>
auto Session<T>::predict(std::span<const Request> requests) const -> std::vector<Answer> {
  std::vector<Answer> answers;
  auto next = requests.begin();
  const Source source = [&]() -> std::optional<ItemAnswer<Request>> {
    if (next == requests.end()) return std::nullopt;
    return *next++;
  };
  answer_stream(source, [&](Answer answer) { answers.push_back(std::move(answer)); }, {}, true);
  return answers;
}

template <HeadTask T>
void Session<T>::predict(const Source& source, const Sink& sink, const IsDue& is_due) const {
  answer_stream(source, sink, is_due, false);
}

template <HeadTask T>
void Session<T>::answer_stream(const Source& source, const Sink& sink, const IsDue& is_due, bool is_known) const {
  using Clock = std::chrono::steady_clock;
  const bool is_timed = !is_known && !is_due;
  std::size_t most = is_known ? kLookahead : static_cast<std::size_t>(state().parts.streams);
  for (std::int64_t first = 0;;) {
    std::vector<Prepared> chunk;
    std::int64_t tokens = 0;
    std::exception_ptr failure;
    bool has_ended = false;
    std::chrono::duration<double> waited{0};
    try {
      while (chunk.size() < most && tokens < kHeldTokens && waited.count() <= state().parts.batch_limits.max_wait) {
        if (!chunk.empty() && is_due && is_due()) break;
        const auto asked = Clock::now();
        auto next = source();
        if (is_timed) waited += Clock::now() - asked;
        has_ended = !next;
        if (has_ended) break;
        chunk.push_back(prepared(std::move(*next)));
        if (const auto* item = std::get_if<Item>(&chunk.back())) tokens += tokens_of(item->second);
      }
    } catch (...) {  // what the source gave before it broke is still answered
      failure = std::current_exception();
    }
    const auto count = static_cast<std::int64_t>(chunk.size());
    answer_chunk(std::move(chunk), first, sink);
    if (failure) std::rethrow_exception(failure);
    if (has_ended) return;
    first += count;
    most = kLookahead;
  }
}

template <HeadTask T>
auto Session<T>::prepared(ItemAnswer<Request> given) const -> Prepared {
  if (const auto failure = failure_of<Request>(given)) return answer_of<Item>(*failure);
  return attempted<Item>([&] {
    auto rows = encoded(std::get<Request>(given));
    return Item(std::get<Request>(std::move(given)), std::move(rows));
  });
}

template <HeadTask T>
void Session<T>::answer_chunk(std::vector<Prepared> chunk, std::int64_t first, const Sink& sink) const {
  std::vector<Item> items;
  std::vector<std::optional<ItemFailure>> failures;
  for (Prepared& each : chunk) {
    failures.push_back(failure_of<Item>(each));
    if (!failures.back()) items.push_back(std::get<Item>(std::move(each)));
  }
  auto answers = decoded(items);
  std::size_t n = 0;
  for (std::size_t i = 0; i < chunk.size(); ++i) {
    const std::int64_t index = first + static_cast<std::int64_t>(i);
    if (failures[i]) {
      sink(answer_of<Result>(at(*failures[i], index)));
      continue;
    }
    if (error_of<Result>(answers[n])) answers[n] = again(items[n], index);
    sink(std::move(answers[n++]));
  }
}

/// The answer of a request that got none in its batch: alone, once. Another item may have made the batch fail, or have
/// spoilt what it shares a scale with.
template <HeadTask T>
auto Session<T>::again(const Item& item, std::int64_t index) const -> Answer {
  Answer answer = std::move(decoded({&item, 1}).front());
  const auto failure = failure_of<Result>(answer);
  if (!failure) return answer;
  probe();
  return answer_of<Result>(at(*failure, index));
}

/// Runs the least that the model takes. Throws BackendError: the engine runs nothing any more.
template <HeadTask T>
void Session<T>::probe() const {
  if constexpr (std::is_same_v<T, TextGeneration>) {
    probe_generation(generation_parts(state()));
  } else {
    const Features least = least_row(state().parts, T::task());
    const Features* const row = &least;
    const Take checked = [](std::size_t, Tried tried) { (void)whole(std::move(tried)); };
    run_rows(state().parts, state().fetched, {&row, 1}, checked);
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
auto Session<T>::decoded(std::span<const Item> items) const -> std::vector<Answer> {
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
  run_rows(state().parts, specs_of(fetch, artefact()), rows,
           [&](std::size_t i, Tried tried) { take(i, whole(std::move(tried))); });
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
