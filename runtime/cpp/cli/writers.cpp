#include "writers.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "csv.h"

namespace bert_runtime::cli {
namespace {

class JsonLinesWriter final : public Writer {
 public:
  std::string text(const Json& record) override { return dumps(record) + '\n'; }
};

std::string cell(const Json& record, const std::string& name) {
  const auto found = record.find(name);
  if (found == record.end() || found->is_null()) return "";
  return found->is_string() ? encodable(found->get<std::string>()) : dumps(*found);
}

std::string row(const std::vector<std::string>& columns, const Json& record) {
  std::vector<std::string> cells;
  for (const std::string& name : columns) cells.push_back(cell(record, name));
  return csv_line(cells);
}

class CsvWriter final : public Writer {
 public:
  CsvWriter(std::vector<std::string> before, std::vector<std::string> after)
      : before_(std::move(before)), after_(std::move(after)) {}

  std::string text(const Json& record) override {
    if (columns_) return row(*columns_, record);
    std::vector<std::string> own;
    for (const auto& entry : record.items()) {
      if (!is_fixed(entry.key())) own.push_back(entry.key());
    }
    if (own.empty()) {
      waiting_.push_back(record);
      return "";
    }
    std::vector<std::string> columns = columns_with(own);
    std::string written = start_of(columns) + row(columns, record);
    columns_ = std::move(columns);
    waiting_.clear();
    return written;
  }

  std::string rest() override { return columns_ ? "" : start_of(columns_with({})); }

  std::string kept() override { return waiting_.empty() ? "" : rest(); }

 private:
  [[nodiscard]] bool is_fixed(const std::string& name) const {
    return std::ranges::find(before_, name) != before_.end() || std::ranges::find(after_, name) != after_.end();
  }

  [[nodiscard]] std::vector<std::string> columns_with(const std::vector<std::string>& own) const {
    std::vector<std::string> columns = before_;
    columns.insert(columns.end(), own.begin(), own.end());
    columns.insert(columns.end(), after_.begin(), after_.end());
    return columns;
  }

  /// The header, and the records that waited for it.
  [[nodiscard]] std::string start_of(const std::vector<std::string>& columns) const {
    std::string written = csv_line(columns);
    for (const Json& record : waiting_) written += row(columns, record);
    return written;
  }

  std::vector<std::string> before_;
  std::vector<std::string> after_;
  std::optional<std::vector<std::string>> columns_;
  std::vector<Json> waiting_;
};

}  // namespace

std::unique_ptr<Writer> jsonl_writer() { return std::make_unique<JsonLinesWriter>(); }

std::unique_ptr<Writer> csv_writer(std::vector<std::string> before, std::vector<std::string> after) {
  return std::make_unique<CsvWriter>(std::move(before), std::move(after));
}

}  // namespace bert_runtime::cli
