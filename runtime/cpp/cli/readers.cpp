#include "readers.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "bert_runtime/utf8.h"
#include "csv.h"
#include "flags.h"
#include "python_repr.h"
#include "records.h"

namespace bert_runtime::cli {
namespace {

class JsonLinesReader final : public Reader {
 public:
  explicit JsonLinesReader(std::istream& stream) : stream_(stream) {}

  std::optional<Line> next() override {
    for (std::string text; std::getline(stream_, text);) {
      ++lines_;
      if (!stream_.eof()) text += '\n';  // errors count it as a character
      if (lines_ == 1 && text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
      if (text.find_first_not_of(" \t\n\r\v\f") == std::string::npos) continue;
      try {
        return Line{lines_, read_record(text)};
      } catch (const InputError& error) {
        return Line{lines_, error};
      }
    }
    return std::nullopt;
  }

 private:
  std::istream& stream_;
  std::int64_t lines_ = 0;
};

class CsvRecords final : public Reader {
 public:
  CsvRecords(std::istream& stream, std::vector<RequestField> fields) : rows_(stream), fields_(std::move(fields)) {}

  std::optional<Line> next() override {
    if (!has_header_) {
      const std::optional<Row> header = rows_.next();
      if (!header) return std::nullopt;
      read_header(*header);
      has_header_ = true;
    }
    const std::optional<Row> row = rows_.next();
    if (!row) return std::nullopt;
    try {
      return Line{row->number, record(*row)};
    } catch (const InputError& error) {
      return Line{row->number, error};
    }
  }

 private:
  static std::string not_csv(const Row& row) {
    return "not CSV: " + row.problem + "; expected cells as RFC 4180 quotes them";
  }

  void read_header(const Row& row) {
    if (!row.problem.empty()) throw InputError("line 1: " + not_csv(row));
    names_ = row.cells;
    std::set<std::string> seen;
    std::set<std::string> doubled;
    for (const std::string& name : names_) {
      if (!seen.insert(name).second) doubled.insert(name);
    }
    std::vector<std::string> problems;
    for (const std::string& name : doubled) {
      problems.push_back("line 1: the column " + repr(name) + " stands there twice, expected each name once");
    }
    raise_input_problems(problems);
  }

  [[nodiscard]] Json record(const Row& row) const {
    if (!row.problem.empty()) throw InputError(not_csv(row));
    if (row.cells.size() != names_.size()) {
      throw InputError(std::to_string(row.cells.size()) + " cells, expected " + std::to_string(names_.size()) +
                       " as in the header; quote cells that hold a comma");
    }
    std::vector<std::string> broken;
    Json fields = Json::object();
    for (std::size_t i = 0; i < names_.size(); ++i) {
      const std::string& cell = row.cells[i];
      if (first_broken_utf8(cell) < cell.size()) broken.push_back(names_[i] + " is not UTF-8; save the file as UTF-8");
      const auto field = std::ranges::find(fields_, names_[i], &RequestField::name);
      const bool is_required = field != fields_.end() && field->is_required;
      if (!cell.empty() || is_required) {
        fields[names_[i]] = from_text(cell, field == fields_.end() ? FieldKind::text : field->kind);
      }
    }
    raise_input_problems(broken);
    return fields;
  }

  CsvReader rows_;
  std::vector<RequestField> fields_;
  bool has_header_ = false;
  std::vector<std::string> names_;
};

}  // namespace

std::unique_ptr<Reader> make_reader(std::istream& stream, const std::string& format, std::vector<RequestField> fields) {
  if (format == "jsonl") return std::make_unique<JsonLinesReader>(stream);
  return std::make_unique<CsvRecords>(stream, std::move(fields));
}

std::string format_of(const std::string& path) {
  std::string suffix = std::filesystem::path(path).extension().string();
  for (char& c : suffix) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  if (suffix == ".jsonl" || suffix == ".ndjson" || path == "-") return "jsonl";
  if (suffix == ".csv") return "csv";
  const std::string parquet = suffix == ".parquet" ? "; parquet is not supported yet: convert it to one of these" : "";
  throw InputError(path + ": the extension is " + (suffix.empty() ? "missing" : suffix) +
                   ", expected .jsonl, .ndjson, .csv" + parquet + ", or name the format");
}

}  // namespace bert_runtime::cli
