// Answers to a file, one at a time: JSON Lines and CSV.
#pragma once

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "json_text.h"

namespace bert_runtime::cli {

/// Writes records, in order, to a stream of the caller's.
class Writer {
 public:
  Writer() = default;
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  virtual ~Writer() = default;

  /// One record, on one line.
  virtual void write(const Json& record) = 0;

  /// Writes whatever had to wait.
  virtual void finish() {}

  /// Writes the records that had to wait, where there are any: after a failure a header alone is worth nothing.
  virtual void keep() {}
};

/// One JSON object a line.
[[nodiscard]] std::unique_ptr<Writer> jsonl_writer(std::ostream& stream);

/// A column for each field, JSON in the cell of a field that is an object or a list. The first record with other fields
/// than `before` and `after` decides the columns; records ahead of it (errors) wait.
[[nodiscard]] std::unique_ptr<Writer> csv_writer(std::ostream& stream, std::vector<std::string> before,
                                                 std::vector<std::string> after);

}  // namespace bert_runtime::cli
