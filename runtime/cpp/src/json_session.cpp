#include "bert_runtime/json_session.h"

#include <cstdint>

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

JsonSession::JsonSession(const std::filesystem::path& path, const Options& options)
    : session_(started(path, options)) {}

std::string JsonSession::operator()(std::string_view request) const {
  return dumps(session_->answer(read_record(request)));
}

void JsonSession::predict(const std::function<std::optional<std::string>()>& source,
                          const std::function<void(Answer)>& sink, const std::function<bool()>& is_due) const {
  const auto records = [&]() -> std::optional<ItemAnswer<Json>> {
    const std::optional<std::string> next = source();
    if (!next) return std::nullopt;
    return attempted<Json>([&] { return read_record(*next); });
  };
  std::int64_t index = 0;
  const auto told = [&](const AnySession::Answer& answer) { sink(converted<std::string>(answer, index++, dumps)); };
  session_->predict(records, told, is_due);
}

}  // namespace bert_runtime
