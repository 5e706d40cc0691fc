// A JSON object read field by field: each reader says what it expects, and every problem is kept, not the first.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "bert_runtime/errors.h"

namespace bert_runtime {

/// Whether a string is what a field takes.
using Pattern = bool (*)(std::string_view);

/// One object at `path`. After a problem a reader returns a placeholder: whoever made `problems` must look at it before
/// using what was read. Points into the value and the problems, which outlive it.
class Record {
 public:
  /// `value` may be null: an object that is missing, which has been told already.
  Record(const nlohmann::json* value, std::string path, Problems& problems);

  using Fits = std::function<bool(const nlohmann::json&)>;

  /// The field `key` once it fits; else null, and a problem.
  const nlohmann::json* value(const std::string& key, const Fits& fits, const std::string& expected);

  /// An integer of `low` to `high`; true, 1.0 and "1" are none.
  std::int64_t integer(const std::string& key, std::int64_t low, std::int64_t high);

  bool boolean(const std::string& key);

  /// One of a few words.
  std::string choice(const std::string& key, const std::vector<std::string>& options);

  std::string string(const std::string& key, Pattern pattern, const std::string& expected);

  std::vector<std::string> strings(const std::string& key, Pattern pattern, const std::string& expected);

  Record record(const std::string& key);

  std::vector<Record> records(const std::string& key);

  /// An object of any content.
  void mapping(const std::string& key);

  /// Whether the field is there and not null; false makes it known, so that null and absence mean the same.
  bool has(const std::string& key);

  /// The object's keys, sorted.
  [[nodiscard]] std::vector<std::string> names() const;

  /// Note every key that no reader asked for.
  void close();

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] Problems& problems() const { return *problems_; }

 private:
  [[nodiscard]] std::string at(const std::string& key) const;

  const nlohmann::json* values_;
  std::string path_;
  Problems* problems_;
  std::set<std::string> known_;
};

}  // namespace bert_runtime
