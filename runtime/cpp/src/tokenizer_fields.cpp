#include "tokenizer_fields.h"

#include "bert_runtime/errors.h"
#include "bert_runtime/utf8.h"
#include "format_limits.h"
#include "in_json.h"

namespace bert_runtime {
namespace {

const nlohmann::json kNoMember;

/// A whole number that is not below 0, as the library's parser or another keeps it.
std::optional<std::uint64_t> whole(const nlohmann::json& value) {
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  if (!value.is_number_integer() || value.get<std::int64_t>() < 0) return std::nullopt;
  return static_cast<std::uint64_t>(value.get<std::int64_t>());
}

}  // namespace

const nlohmann::json& member(const nlohmann::json& record, std::string_view key) {
  if (!record.is_object()) return kNoMember;
  const auto found = record.find(key);
  return found == record.end() ? kNoMember : *found;
}

std::string as_shown(const nlohmann::json& value) {
  if (value.is_binary()) return "an integer of more than 64 bits";
  const std::string text = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return count_code_points(text) <= 60 ? text : cut(text, 57) + "...";
}

std::string kind(const nlohmann::json& part) {
  const nlohmann::json& type = member(part, "type");
  return type.is_string() ? type.get<std::string>() : part.is_null() ? "null" : as_shown(part);
}

void TokenizerFields::problem(std::string sentence) {
  if (problems_.size() < kMostShown) problems_.push_back(std::move(sentence));
}

void TokenizerFields::unknown(const std::string& name, const nlohmann::json& part, const std::string& expected) {
  problem("the tokenizer's " + name + " is " + kind(part) + ", expected " + expected +
          "; export a checkpoint of a supported family");
}

bool TokenizerFields::boolean(const nlohmann::json& record, const std::string& where, const char* key) {
  const nlohmann::json& value = member(record, key);
  if (!value.is_boolean()) wrong(where, key, value, "true or false");
  return value.is_boolean() && value.get<bool>();
}

bool TokenizerFields::boolean(const nlohmann::json& record, const std::string& where, const char* key, bool usual) {
  return member(record, key).is_null() ? usual : boolean(record, where, key);
}

std::string TokenizerFields::text(const nlohmann::json& record, const std::string& where, const char* key) {
  const nlohmann::json& value = member(record, key);
  if (!value.is_string()) wrong(where, key, value, "a string");
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::string TokenizerFields::text(const nlohmann::json& record, const std::string& where, const char* key,
                                  std::size_t most) {
  const nlohmann::json& value = member(record, key);
  const bool fits = value.is_string() && !value.get_ref<const std::string&>().empty() &&
                    value.get_ref<const std::string&>().size() <= most;
  if (!fits) wrong(where, key, value, "a string of 1 to " + std::to_string(most) + " bytes");
  return fits ? value.get<std::string>() : " ";
}

std::uint64_t TokenizerFields::number(const nlohmann::json& record, const std::string& where, const char* key,
                                      std::uint64_t most) {
  const nlohmann::json& value = member(record, key);
  const auto number = whole(value);
  if (number && *number <= most) return *number;
  wrong(where, key, value, "a whole number of at most " + std::to_string(most));
  return 0;
}

std::uint32_t TokenizerFields::id(const nlohmann::json& value, const std::string& where) {
  const auto number = whole(value);
  if (number && *number <= UINT32_MAX) return static_cast<std::uint32_t>(*number);
  problem(where + " is " + as_shown(value) + ", expected an id from 0 to " + std::to_string(UINT32_MAX));
  return 0;
}

void TokenizerFields::wrong(const std::string& where, const char* key, const nlohmann::json& value,
                            const std::string& expected) {
  problem(where + "." + key + " is " + as_shown(value) + ", expected " + expected);
}

void TokenizerFields::raise(std::string_view name) const {
  if (problems_.empty()) return;
  std::string message(name);
  for (const std::string& one : problems_) message += (&one == &problems_.front() ? ": " : "; ") + one;
  const bool advised = message.find("; export ") != std::string::npos;
  throw BundleError(
      Problem("bad-tokenizer", std::string(name), message + (advised ? "" : "; export the bundle again")));
}

}  // namespace bert_runtime
