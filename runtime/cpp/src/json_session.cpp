#include "bert_runtime/json_session.h"

#include <utility>

#include "any_session.h"
#include "backends/early_opening.h"
#include "bert_runtime/bundle.h"
#include "item_failure.h"
#include "records.h"

namespace bert_runtime {
namespace {

std::shared_ptr<const AnySession> started(const std::filesystem::path& path, const Options& options) {
  const EarlyOpening opening(options.onnxruntime);
  return start_any(read_bundle(path), options);
}

}  // namespace

JsonSession::JsonSession(const std::filesystem::path& path, const Options& options) : session_(started(path, options)) {}

std::string JsonSession::operator()(std::string_view request) const {
  return dumps(session_->answer(read_record(request)));
}

void JsonSession::predict(const std::function<std::optional<std::string>()>& source,
                          const std::function<void(Answer)>& sink, const std::function<bool()>& is_due) const {
  const auto records = [&]() -> std::optional<std::variant<Json, InputError>> {
    const std::optional<std::string> next = source();
    if (!next) return std::nullopt;
    try {
      return read_record(*next);
    } catch (const InputError& error) {
      return error;
    }
  };
  const auto told = [&](AnySession::Answer answer) {
    if (const auto failure = failure_of<Json>(answer)) return sink(answer_of<std::string>(*failure));
    sink(dumps(std::get<Json>(answer)));
  };
  session_->predict(records, told, is_due);
}

}  // namespace bert_runtime
