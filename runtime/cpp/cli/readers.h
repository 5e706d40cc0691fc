// Requests from a file, one at a time whatever its size: JSON Lines and CSV.
#pragma once

#include <cstdint>
#include <functional>
#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bert_runtime/errors.h"
#include "json_text.h"
#include "tasks/json.h"

namespace bert_runtime::cli {

/// The code of a line that holds nothing: no mistake, and no request.
inline constexpr const char* kBlank = "blank";

/// One record of a file: its fields, or why there are none; `number` is its first line in the file, from 1.
struct Line {
  std::int64_t number;
  ItemAnswer<Json> content;
};

/// Reads records from a stream of the caller's.
class Reader {
 public:
  Reader() = default;
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  virtual ~Reader() = default;

  /// The next record; a blank line of JSON Lines is a failure of the code kBlank, one of CSV has empty cells. Nothing
  /// at the end. Throws InputError: the file is not UTF-8
  /// from its first bytes on, or a CSV file has no usable header.
  virtual std::optional<Line> next() = 0;
};

/// Names of columns -> what is wrong with them.
using ColumnProblems = std::function<Problems(const std::vector<std::string>&)>;

/// A reader of `jsonl` or `csv`; the fields give the cells of CSV their types, and `problems` is asked of its columns.
[[nodiscard]] std::unique_ptr<Reader> make_reader(std::istream& stream, const std::string& format,
                                                  std::vector<RequestField> fields, ColumnProblems problems);

/// The format that the extension of `path` names; `-` is JSON Lines. Throws InputError: another extension.
[[nodiscard]] std::string format_of(const std::string& path);

}  // namespace bert_runtime::cli
