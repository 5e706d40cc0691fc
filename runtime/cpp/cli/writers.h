// Answers to a file, one at a time: JSON Lines and CSV.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "json_text.h"

namespace bert_runtime::cli {

/// Writes records, in order, as text for a stream that the caller owns. What throws writes nothing of its record.
class Writer {
 public:
  Writer() = default;
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  virtual ~Writer() = default;

  /// One record, on one line; nothing where it has to wait. Throws BackendError: a number that JSON cannot write.
  [[nodiscard]] virtual std::string text(const Json& record) = 0;

  /// Whatever had to wait.
  [[nodiscard]] virtual std::string rest() { return ""; }

  /// The records that had to wait, where there are any: after a failure a header alone is worth nothing.
  [[nodiscard]] virtual std::string kept() { return ""; }
};

/// One JSON object a line.
[[nodiscard]] std::unique_ptr<Writer> jsonl_writer();

/// A column for each field, JSON in the cell of a field that is an object or a list. The first record with other fields
/// than `before` and `after` decides the columns; records ahead of it (errors) wait.
[[nodiscard]] std::unique_ptr<Writer> csv_writer(std::vector<std::string> before, std::vector<std::string> after);

}  // namespace bert_runtime::cli
