#include "bert_runtime/json_session.h"

#include <utility>

#include "any_session.h"
#include "backends/early_opening.h"
#include "bert_runtime/bundle.h"
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
                          const std::function<void(Answer)>& sink) const {
  const auto records = [&]() -> std::optional<AnySession::Answer> {
    const std::optional<std::string> next = source();
    if (!next) return std::nullopt;
    try {
      return read_record(*next);
    } catch (const InputError& error) {
      return error;
    }
  };
  session_->predict(records, [&](AnySession::Answer answer) {
    if (auto* error = std::get_if<InputError>(&answer)) return sink(std::move(*error));
    sink(dumps(std::get<Json>(answer)));
  });
}

}  // namespace bert_runtime
