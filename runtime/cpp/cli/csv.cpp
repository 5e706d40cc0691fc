#include "csv.h"

#include <utility>

#include "bert_runtime/errors.h"

namespace bert_runtime::cli {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

bool ends_line(char character) { return character == '\n' || character == '\r'; }

}  // namespace

void refuse_foreign(std::string_view start) {
  constexpr const char* kUtf16 = "in UTF-16, expected UTF-8; convert it with `iconv -f UTF-16 -t UTF-8`";
  static const std::vector<std::pair<std::string_view, std::string>> signatures = {
      {"\xff\xfe", kUtf16},
      {"\xfe\xff", kUtf16},
      {"\x1f\x8b", "compressed by gzip, expected text; unpack it, as `gunzip -c` does"},
      {"PK\x03\x04", "a zip archive or a spreadsheet, expected text; unpack it, or save it as CSV in UTF-8"}};
  for (const auto& [signature, what] : signatures) {
    if (start.starts_with(signature)) throw InputError(Problem("foreign-file", "file", "the file is " + what));
  }
}

/// A line with its end, which is \n, \r or \r\n.
bool CsvReader::read_line(std::string& line) {
  while (true) {
    line.clear();
    const bool goes_on = is_cut_;
    is_cut_ = false;
    for (int next = stream_.get(); next != std::istream::traits_type::eof(); next = stream_.get()) {
      line += static_cast<char>(next);
      if (next == '\r' && stream_.peek() == '\n') continue;
      if (ends_line(line.back())) break;
      is_cut_ = line.size() > kLongestLine;
      if (is_cut_) break;
    }
    if (!goes_on) break;  // else it is the rest of a line that was too long
  }
  if (line.empty()) return false;
  if (lines_++ == 0) {
    refuse_foreign(line);
    if (line.starts_with(kByteOrderMark)) line.erase(0, kByteOrderMark.size());
  }
  return true;
}

bool CsvReader::take(char character, Row& row) {
  const auto close = [&] {
    row.cells.push_back(std::move(cell_));
    cell_.clear();
    state_ = State::start_of_cell;
  };
  if (state_ == State::in_quotes) {
    if (character == '"') {
      state_ = State::after_quote;
    } else {
      cell_ += character;
    }
    return true;
  }
  if (character == ',') {
    close();
    return true;
  }
  if (state_ == State::after_quote) {
    if (character != '"') return false;
    state_ = State::in_quotes;
  } else if (state_ == State::start_of_cell && character == '"') {
    state_ = State::in_quotes;
    return true;
  } else {
    state_ = State::in_cell;
  }
  cell_ += character;
  return true;
}

std::optional<Row> CsvReader::next() {
  std::string line;
  Row row;
  row = {.number = lines_ + 1, .cells = {}, .problem = {}};
  state_ = State::start_of_cell;
  cell_.clear();
  if (!read_line(line)) return std::nullopt;
  if (ends_line(line.front())) return row;  // a blank line
  while (true) {
    if (is_cut_) {
      row.problem = "a line is longer than " + std::to_string(kLongestLine) + " characters";
      return row;
    }
    for (const char character : line) {
      if (state_ != State::in_quotes && ends_line(character)) {
        row.cells.push_back(std::move(cell_));
        return row;
      }
      if (!take(character, row)) row.problem = "',' expected after '\"'";
      if (cell_.size() > kLongestCell) {
        row.problem = "field larger than field limit (" + std::to_string(kLongestCell) + ")";
      }
      if (!row.problem.empty()) return row;
    }
    if (!read_line(line)) break;
  }
  if (state_ == State::in_quotes) {
    row.problem = "unexpected end of data";
  } else {
    row.cells.push_back(std::move(cell_));
  }
  return row;
}

std::string csv_line(const std::vector<std::string>& cells) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i) line += ',';
    const bool is_alone = cells.size() == 1 && cells[i].empty();
    if (!is_alone && cells[i].find_first_of(",\"\r\n") == std::string::npos) {
      line += cells[i];
      continue;
    }
    line += '"';
    for (const char character : cells[i]) line += character == '"' ? std::string("\"\"") : std::string(1, character);
    line += '"';
  }
  return line + "\n";
}

}  // namespace bert_runtime::cli
