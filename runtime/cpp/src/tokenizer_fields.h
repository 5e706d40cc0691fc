// The members of a tokenizer.json, read one by one: every problem is kept, not the first.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bert_runtime {

/// A member of an object; null where there is none.
[[nodiscard]] const nlohmann::json& member(const nlohmann::json& record, std::string_view key);

/// A value as JSON, of which the beginning if it is long.
[[nodiscard]] std::string as_shown(const nlohmann::json& value);

/// The `type` of a part: null where the file has none.
[[nodiscard]] std::string kind(const nlohmann::json& part);

/// Reads members and gathers what is wrong with them.
class TokenizerFields {
 public:
  void problem(std::string sentence);

  /// A part of another kind than the ones that are read.
  void unknown(const std::string& name, const nlohmann::json& part, const std::string& expected);

  bool boolean(const nlohmann::json& record, const std::string& where, const char* key);
  /// The same, where a member that is missing or null means `usual`.
  bool boolean(const nlohmann::json& record, const std::string& where, const char* key, bool usual);

  std::string text(const nlohmann::json& record, const std::string& where, const char* key);
  /// A string of 1 to `most` bytes.
  std::string text(const nlohmann::json& record, const std::string& where, const char* key, std::size_t most);

  std::uint64_t number(const nlohmann::json& record, const std::string& where, const char* key, std::uint64_t most);

  /// An id: the tokenizers library's are of 32 bits.
  std::uint32_t id(const nlohmann::json& value, const std::string& where);

  void wrong(const std::string& where, const char* key, const nlohmann::json& value, const std::string& expected);

  /// Throws a BundleError that tells what was found, if anything was; `name` is the file's.
  void raise(std::string_view name) const;

 private:
  std::vector<std::string> problems_;
};

}  // namespace bert_runtime
