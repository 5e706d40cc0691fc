#include "writers.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "csv.h"

namespace bert_runtime::cli {
namespace {

class JsonLinesWriter final : public Writer {
 public:
  explicit JsonLinesWriter(std::ostream& stream) : stream_(stream) {}
  void write(const Json& record) override { stream_ << dumps(record) << '\n'; }

 private:
  std::ostream& stream_;
};

std::string cell(const Json& record, const std::string& name) {
  const auto found = record.find(name);
  if (found == record.end() || found->is_null()) return "";
  return found->is_string() ? encodable(found->get<std::string>()) : dumps(*found);
}

class CsvWriter final : public Writer {
 public:
  CsvWriter(std::ostream& stream, std::vector<std::string> before, std::vector<std::string> after)
      : stream_(stream), before_(std::move(before)), after_(std::move(after)) {}

  void write(const Json& record) override {
    std::vector<std::string> own;
    for (const auto& entry : record.items()) {
      if (!is_fixed(entry.key())) own.push_back(entry.key());
    }
    if (!columns_ && own.empty()) {
      waiting_.push_back(record);
      return;
    }
    start(own);
    row(record);
  }

  void finish() override { start({}); }

  void keep() override {
    if (!waiting_.empty()) start({});
  }

 private:
  [[nodiscard]] bool is_fixed(const std::string& name) const {
    return std::ranges::find(before_, name) != before_.end() || std::ranges::find(after_, name) != after_.end();
  }

  void start(const std::vector<std::string>& own) {
    if (columns_) return;
    columns_ = before_;
    columns_->insert(columns_->end(), own.begin(), own.end());
    columns_->insert(columns_->end(), after_.begin(), after_.end());
    stream_ << csv_line(*columns_);
    for (const Json& record : std::exchange(waiting_, {})) row(record);
  }

  void row(const Json& record) {
    std::vector<std::string> cells;
    for (const std::string& name : *columns_) cells.push_back(cell(record, name));
    stream_ << csv_line(cells);
  }

  std::ostream& stream_;
  std::vector<std::string> before_;
  std::vector<std::string> after_;
  std::optional<std::vector<std::string>> columns_;
  std::vector<Json> waiting_;
};

}  // namespace

std::unique_ptr<Writer> jsonl_writer(std::ostream& stream) { return std::make_unique<JsonLinesWriter>(stream); }

std::unique_ptr<Writer> csv_writer(std::ostream& stream, std::vector<std::string> before,
                                   std::vector<std::string> after) {
  return std::make_unique<CsvWriter>(stream, std::move(before), std::move(after));
}

}  // namespace bert_runtime::cli
