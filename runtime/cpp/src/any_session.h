// A session of any task, asked and answering in JSON: what the command and the C API run.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "bert_runtime/bundle.h"
#include "bert_runtime/errors.h"
#include "bert_runtime/loading.h"
#include "json_text.h"

namespace bert_runtime {

/// A loaded bundle. Every function may be called from several threads at once.
class AnySession {
 public:
  using Answer = ItemAnswer<Json>;
  using Source = std::function<std::optional<ItemAnswer<Json>>()>;
  using Sink = std::function<void(Answer)>;
  using IsDue = std::function<bool()>;

  AnySession() = default;
  AnySession(const AnySession&) = delete;
  AnySession& operator=(const AnySession&) = delete;
  virtual ~AnySession() = default;

  /// See Session: requests are objects with the fields of the task's request.
  [[nodiscard]] virtual Json answer(const Json& record) const = 0;
  virtual void predict(const Source& source, const Sink& sink, const IsDue& is_due = {}) const = 0;
};

/// The session of a bundle, whatever its task. Throws as `load` does.
[[nodiscard]] std::unique_ptr<AnySession> start_any(const Bundle& bundle, const Options& options);

}  // namespace bert_runtime
