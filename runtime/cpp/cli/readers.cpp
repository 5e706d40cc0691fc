#include "readers.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include "bert_runtime/utf8.h"
#include "csv.h"
#include "flags.h"
#include "in_json.h"
#include "item_failure.h"
#include "records.h"
#include "texts.h"

namespace bert_runtime::cli {
namespace {

/// How much is read at once of what is left out.
constexpr std::size_t kChunk = std::size_t{1} << 20;

class JsonLinesReader final : public Reader {
 public:
  explicit JsonLinesReader(std::istream& stream) : stream_(stream) {}

  std::optional<Line> next() override {
    while (is_cut_ && read_line(kChunk)) {
    }
    while (read_line(kLongestLine)) {
      ++lines_;
      if (lines_ == 1) {
        refuse_foreign(text_);
        if (text_.starts_with("\xef\xbb\xbf")) text_.erase(0, 3);
      }
      if (is_cut_) {
        return Line{lines_, InputError(Problem("too-long", "line",
                                               "longer than " + std::to_string(kLongestLine) +
                                                   " bytes, expected one JSON object a line"))};
      }
      if (text_.find_first_not_of(" \t\n\r\v\f") == std::string::npos) {
        return Line{lines_, InputError(Problem(kBlank, "line", "the line is blank"))};
      }
      return Line{lines_, attempted<Json>([&] {
                    refuse_nul();
                    return read_record(text_);
                  })};
    }
    return std::nullopt;
  }

 private:
  /// A line with its end, as errors count it; `is_cut_` where it goes on after so many bytes.
  bool read_line(std::size_t most) {
    text_.clear();
    is_cut_ = false;
    for (int next = stream_.get(); next != std::istream::traits_type::eof(); next = stream_.get()) {
      text_ += static_cast<char>(next);
      if (next == '\n') break;
      is_cut_ = text_.size() > most;
      if (is_cut_) break;
    }
    return !text_.empty();
  }

  void refuse_nul() const {
    const auto place = text_.find('\0');
    if (place == std::string::npos) return;
    throw InputError(
        Problem("nul", "line",
                "byte " + std::to_string(place + 1) + " of the line is NUL, expected text; save the file as UTF-8"));
  }

  std::string text_;
  bool is_cut_ = false;
  std::istream& stream_;
  std::int64_t lines_ = 0;
};

class CsvRecords final : public Reader {
 public:
  CsvRecords(std::istream& stream, std::vector<RequestField> fields, ColumnProblems problems)
      : rows_(stream), fields_(std::move(fields)), problems_(std::move(problems)) {}

  std::optional<Line> next() override {
    if (!has_header_) {
      std::optional<Row> header = rows_.next();
      while (header && header->cells.empty() && header->problem.empty()) header = rows_.next();
      if (!header) return std::nullopt;
      read_header(*header);
      has_header_ = true;
    }
    const std::optional<Row> row = rows_.next();
    if (!row) return std::nullopt;
    return Line{row->number, attempted<Json>([&] { return record(*row); })};
  }

 private:
  static Problem not_csv(const Row& row) {
    return {"not-csv", "line", "not CSV: " + row.problem + "; expected cells as RFC 4180 quotes them"};
  }

  void read_header(const Row& row) {
    if (!row.problem.empty()) throw InputError(prefixed("line 1: ", not_csv(row)));
    names_ = row.cells;
    std::set<std::string> seen;
    std::set<std::string> doubled;
    for (const std::string& name : names_) {
      if (!seen.insert(name).second) doubled.insert(name);
    }
    Problems problems;
    for (const std::string& name : doubled) {
      problems.push_back({"repeated-name", name,
                          "line 1: the column " + in_json(name) + " stands there twice, expected each name once"});
    }
    for (const Problem& problem : problems_(names_)) problems.push_back(prefixed("line 1: ", problem));
    raise_input_problems(problems);
  }

  [[nodiscard]] Json record(const Row& row) const {
    if (!row.problem.empty()) throw InputError(not_csv(row));
    std::vector<std::string> cells = row.cells;
    if (cells.empty()) cells.resize(names_.size());  // a blank line
    if (cells.size() != names_.size()) {
      throw InputError(Problem("wrong-shape", "line",
                               std::to_string(cells.size()) + " cells, expected " + std::to_string(names_.size()) +
                                   " as in the header; quote cells that hold a comma"));
    }
    Problems broken;
    Json fields = Json::object();
    for (std::size_t i = 0; i < names_.size(); ++i) {
      const std::string& cell = cells[i];
      if (first_broken_utf8(cell) < cell.size())
        broken.push_back({"not-utf8", names_[i], names_[i] + " is not UTF-8; save the file as UTF-8"});
      const auto field = std::ranges::find(fields_, names_[i], &RequestField::name);
      const bool is_required = field != fields_.end() && field->is_required;
      if (!cell.empty() || is_required) {
        fields[names_[i]] = from_text(cell, field == fields_.end() ? FieldKind::text : field->kind);
      }
    }
    raise_input_problems(broken);
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (cells[i].find('\0') == std::string::npos) continue;
      broken.push_back({"nul", names_[i], names_[i] + " holds a NUL byte, expected text; save the file as UTF-8"});
    }
    raise_input_problems(broken);
    return fields;
  }

  CsvReader rows_;
  std::vector<RequestField> fields_;
  ColumnProblems problems_;
  bool has_header_ = false;
  std::vector<std::string> names_;
};

std::string format_hint(const std::string& suffix) {
  constexpr const char* kPython = "; the command in Python reads and writes it, this one does not";
  constexpr const char* kPacked = "; unpack it first, as in `gunzip -c FILE | bert_run DIR --input -`";
  static const std::map<std::string, std::string> hints = {
      {".parquet", kPython},
      {".pq", kPython},
      {".arrow", kPython},
      {".feather", kPython},
      {".ipc", kPython},
      {".tsv", kPython},
      {".tab", kPython},
      {".xlsx", "; save it as CSV in UTF-8"},
      {".json", "; write one object a line, as `jq -c '.[]'` does"},
      {".gz", kPacked},
      {".bz2", kPacked},
      {".xz", kPacked},
      {".zst", kPacked},
      {".zip", kPacked}};
  const auto found = hints.find(suffix);
  return found == hints.end() ? "" : found->second;
}

}  // namespace

std::unique_ptr<Reader> make_reader(std::istream& stream, const std::string& format, std::vector<RequestField> fields,
                                    ColumnProblems problems) {
  if (format == "jsonl") return std::make_unique<JsonLinesReader>(stream);
  return std::make_unique<CsvRecords>(stream, std::move(fields), std::move(problems));
}

std::string format_of(const std::string& path) {
  std::string suffix = std::filesystem::path(path).extension().string();
  for (char& c : suffix) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  if (suffix == ".jsonl" || suffix == ".ndjson" || path == "-") return "jsonl";
  if (suffix == ".csv") return "csv";
  throw InputError(path + ": the extension is " + (suffix.empty() ? "missing" : suffix) +
                   ", expected .jsonl, .ndjson, .csv" + format_hint(suffix) + ", or name the format");
}

}  // namespace bert_runtime::cli
