#include "json_record.h"

#include <algorithm>
#include <utility>

#include "bert_runtime/utf8.h"
#include "in_json.h"
#include "texts.h"

namespace bert_runtime {
namespace {

using Value = nlohmann::json;

/// What was found, in JSON's words.
std::string got(const Value& value) {
  if (value.is_null()) return "is null";
  if (value.is_object()) return "is an object";
  if (value.is_array()) return "is a list";
  const std::string kind = value.is_boolean() ? "boolean" : value.is_string() ? "string" : "number";
  return "is the " + kind + " " + cut(in_json(value));
}

bool matches(const Value& value, Pattern pattern) {
  return value.is_string() && pattern(value.get_ref<const std::string&>());
}

}  // namespace

Record::Record(const Value* value, std::string path, Problems& problems)
    : values_(value && value->is_object() ? value : nullptr), path_(std::move(path)), problems_(&problems) {
  if (!value || values_) return;
  problems.push_back(
      {"wrong-value", path_, (path_.empty() ? "the whole" : path_) + " " + got(*value) + ", expected an object"});
}

const Value* Record::value(const std::string& key, const Fits& fits, const std::string& expected) {
  known_.insert(key);
  if (!values_) return nullptr;
  const auto found = values_->find(key);
  if (found == values_->end()) {
    problems_->push_back({"missing-key", at(key), at(key) + " is missing, expected " + expected});
    return nullptr;
  }
  if (fits(*found)) return &*found;
  problems_->push_back({"wrong-value", at(key), at(key) + " " + got(*found) + ", expected " + expected});
  return nullptr;
}

std::int64_t Record::integer(const std::string& key, std::int64_t low, std::int64_t high) {
  const auto fits = [=](const Value& found) {
    return found.is_number_integer() && found.get<std::int64_t>() >= low && found.get<std::int64_t>() <= high;
  };
  const Value* found = value(key, fits, "an integer of " + std::to_string(low) + " to " + std::to_string(high));
  return found ? found->get<std::int64_t>() : low;
}

bool Record::boolean(const std::string& key) {
  const Value* found = value(key, [](const Value& given) { return given.is_boolean(); }, "true or false");
  return found && found->get<bool>();
}

std::string Record::choice(const std::string& key, const std::vector<std::string>& options) {
  const auto fits = [&](const Value& found) {
    return found.is_string() && std::ranges::find(options, found.get_ref<const std::string&>()) != options.end();
  };
  const Value* found = value(key, fits, "one of " + joined(options));
  return found ? found->get<std::string>() : "";
}

std::string Record::string(const std::string& key, Pattern pattern, const std::string& expected) {
  const Value* found = value(key, [=](const Value& given) { return matches(given, pattern); }, expected);
  return found ? found->get<std::string>() : "";
}

std::vector<std::string> Record::strings(const std::string& key, Pattern pattern, const std::string& expected) {
  const Value* found = value(key, [](const Value& given) { return given.is_array(); }, "a list of strings");
  std::vector<std::string> kept;
  for (std::size_t i = 0; found && i < found->size(); ++i) {
    const Value& item = (*found)[i];
    if (matches(item, pattern)) {
      kept.push_back(item.get<std::string>());
    } else {
      problems_->push_back({"wrong-value", at(key) + "[" + std::to_string(i) + "]",
                            at(key) + "[" + std::to_string(i) + "] " + got(item) + ", expected " + expected});
    }
  }
  return kept;
}

Record Record::record(const std::string& key) {
  return {value(key, [](const Value&) { return true; }, "an object"), at(key), *problems_};
}

std::vector<Record> Record::records(const std::string& key) {
  const Value* found = value(key, [](const Value& given) { return given.is_array(); }, "a list of objects");
  std::vector<Record> kept;
  for (std::size_t i = 0; found && i < found->size(); ++i) {
    kept.emplace_back(&(*found)[i], at(key) + "[" + std::to_string(i) + "]", *problems_);
  }
  return kept;
}

void Record::mapping(const std::string& key) {
  value(key, [](const Value& given) { return given.is_object(); }, "an object");
}

bool Record::has(const std::string& key) {
  known_.insert(key);
  if (!values_) return false;
  const auto found = values_->find(key);
  return found != values_->end() && !found->is_null();
}

std::vector<std::string> Record::names() const {
  std::vector<std::string> keys;
  if (!values_) return keys;
  for (const auto& entry : values_->items()) keys.push_back(entry.key());
  return keys;
}

void Record::close() {
  const std::string known = joined(std::vector<std::string>(known_.begin(), known_.end()));
  for (const std::string& key : names()) {
    if (!known_.contains(key)) {
      problems_->push_back({"unknown-key", at(key), at(key) + " is no key of the format, expected only " + known});
    }
  }
}

std::string Record::at(const std::string& key) const {
  const std::string shown = count_code_points(key) <= 80 ? key : cut(key, 80) + "...";
  return path_.empty() ? shown : path_ + "." + shown;
}

}  // namespace bert_runtime
