// Token to id and back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/hashing.h"

namespace bert_runtime {

/// Strings with their ids, found by hash: open addressing, half full at most.
class TokenTable {
 public:
  /// Room for `count` tokens; the table then holds views of the strings that `add` is given.
  explicit TokenTable(std::size_t count = 0);

  /// False, and nothing done, where the token is there. All tokens are hashed alike.
  bool add(std::string_view token, std::uint64_t hash, std::uint32_t id);

  /// The id of exactly this string, whose hash is `hash`.
  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view token, std::uint64_t hash) const;

  /// The length in bytes of the longest token.
  [[nodiscard]] std::size_t longest() const { return longest_; }

 private:
  struct Slot {
    const char* token = nullptr;
    std::uint32_t length = 0;
    std::uint32_t id = 0;
    std::uint64_t hash = 0;
  };

  [[nodiscard]] std::size_t first_slot(std::uint64_t hash) const;

  std::vector<Slot> slots_;
  std::size_t longest_ = 0;
};

/// One entry of a vocabulary.
struct Entry {
  std::string token;
  std::uint32_t id = 0;
};

/// The model's vocabulary. Never changes after it is made; safe in threads.
class Vocabulary {
 public:
  /// Throws BundleError when two entries have one id, or are one token. With a prefix, tokens that begin with it are also
  /// found without it.
  explicit Vocabulary(std::vector<Entry> entries, std::optional<std::string_view> continuing_prefix = {});
  Vocabulary(const Vocabulary&) = delete;
  Vocabulary& operator=(const Vocabulary&) = delete;
  Vocabulary(Vocabulary&&) = default;
  Vocabulary& operator=(Vocabulary&&) = default;

  [[nodiscard]] std::optional<std::uint32_t> id(std::string_view token) const;
  /// The token of an id, or null.
  [[nodiscard]] const std::string* token(std::int64_t id) const;
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  /// In the order of ids.
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }

  /// Tokens that begin a word, by the hash of WordHashes.
  [[nodiscard]] const TokenTable& beginning() const { return beginning_; }
  /// Tokens that go on with a word, without the prefix that marks them, by the same hash.
  [[nodiscard]] const TokenTable& continuing() const { return continuing_; }

 private:
  std::vector<Entry> entries_;
  TokenTable beginning_;
  TokenTable continuing_;
};

}  // namespace bert_runtime
