// The cells of CSV, as RFC 4180 quotes them and Python's csv module reads them when it is strict.
#pragma once

#include <cstdint>
#include <istream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "format_limits.h"

namespace bert_runtime::cli {

/// Throws InputError: a file that begins so is no text in UTF-8.
void refuse_foreign(std::string_view start);

/// A row of CSV, or what is wrong with it; `number` is its first line, from 1.
struct Row {
  std::int64_t number = 0;
  std::vector<std::string> cells;
  std::string problem;  ///< Empty: there is none.
};

/// Reads rows from a stream of the caller's; a blank line has no cells. A byte order mark at the start is left out.
class CsvReader {
 public:
  explicit CsvReader(std::istream& stream) : stream_(stream) {}

  /// The next row; nothing at the end.
  std::optional<Row> next();

 private:
  enum class State { start_of_cell, in_cell, in_quotes, after_quote };

  /// Takes one character of a line; false where it is none that may stand there.
  bool take(char character, Row& row);
  bool read_line(std::string& line);

  std::istream& stream_;
  std::int64_t lines_ = 0;
  bool is_cut_ = false;  ///< The last line goes on after kLongestLine bytes.
  State state_ = State::start_of_cell;
  std::string cell_;
};

/// A row as the csv module writes it: quotes where a cell needs them, and a line feed.
[[nodiscard]] std::string csv_line(const std::vector<std::string>& cells);

}  // namespace bert_runtime::cli
