// A session of any task, asked and answering in JSON text.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "bert_runtime/errors.h"
#include "bert_runtime/export.h"
#include "bert_runtime/loading.h"

namespace bert_runtime {

class AnySession;

/// A loaded bundle of any task. Requests and results are one JSON object each, in UTF-8, with the fields that the
/// Python runtime's `bert-run` reads and writes.
///
/// A handle: copies share one model. Every function is const and may be called from several threads at once.
class BERT_RUNTIME_API JsonSession {
 public:
  /// A result, or why there is none; see error_of.
  using Answer = ItemAnswer<std::string>;

  /// Checks a bundle and makes it ready to answer. Throws as `load` does.
  explicit JsonSession(const std::filesystem::path& path, const Options& options = {});

  /// Answers one request; reads `request` during the call only.
  /// Throws InputError: it is no JSON, or cannot be answered; BackendError: the engine failed.
  [[nodiscard]] std::string operator()(std::string_view request) const;

  /// Answers a stream in its own order, in batches of similar length: `source` gives requests until it gives nothing,
  /// `sink` takes an answer for each, from this thread; see Session for what ends a batch, and for `is_due`. Throws
  /// BackendError: the engine runs nothing any more; and what `source` and `sink` throw.
  void predict(const std::function<std::optional<std::string>()>& source, const std::function<void(Answer)>& sink,
               const std::function<bool()>& is_due = {}) const;

 private:
  std::shared_ptr<const AnySession> session_;
};

}  // namespace bert_runtime
