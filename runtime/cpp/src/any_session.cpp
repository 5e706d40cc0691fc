#include "any_session.h"

#include <cstdint>
#include <utility>

#include "item_failure.h"
#include "tasks/json.h"

namespace bert_runtime {
namespace {

template <class T>
class TypedSession final : public AnySession {
 public:
  explicit TypedSession(SessionParts parts) : session_(std::move(parts)) {}

  [[nodiscard]] Json answer(const Json& record) const override {
    return result_to_json<T>(session_(request_from_json<T>(record)));
  }

  void predict(const Source& source, const Sink& sink, const IsDue& is_due) const override {
    using Request = typename T::Request;
    using Result = typename T::Result;
    const auto typed = [&]() -> std::optional<ItemAnswer<Request>> {
      const auto next = source();
      if (!next) return std::nullopt;
      if (const auto failure = failure_of<Json>(*next)) return answer_of<Request>(*failure);
      return attempted<Request>([&] { return request_from_json<T>(std::get<Json>(*next)); });
    };
    std::int64_t index = 0;
    const auto told = [&](const typename Session<T>::Answer& answer) {
      sink(converted<Json>(answer, index++, [](const Result& result) { return result_to_json<T>(result); }));
    };
    session_.predict(typed, told, is_due);
  }

 private:
  Session<T> session_;
};

}  // namespace

std::unique_ptr<AnySession> start_any(const Bundle& bundle, const Options& options) {
#define BERT_RUNTIME_START(T) \
  if (bundle.manifest.task == T::task().name) return std::make_unique<TypedSession<T>>(start(bundle, options));
  BERT_RUNTIME_TASKS(BERT_RUNTIME_START)
#undef BERT_RUNTIME_START
  throw BundleError("no session for the task " + bundle.manifest.task);  // read_bundle has refused it
}

}  // namespace bert_runtime
