// Token to id and back, and the longest token that a word begins with.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bert_runtime {

/// Hashes of every part of one word, from one pass over its bytes: a polynomial modulo 2^64.
class WordHashes {
 public:
  /// Of bytes [begin, end) of the word.
  [[nodiscard]] std::uint64_t of(std::size_t begin, std::size_t end) const {
    return prefixes_[end] - prefixes_[begin] * powers_[end - begin];
  }

  /// Takes the next word; what it allocated for a longer one is kept.
  void read(std::string_view word);

  static std::uint64_t of(std::string_view whole);

 private:
  std::vector<std::uint64_t> prefixes_{0};
  std::vector<std::uint64_t> powers_{1};
};

/// Strings with their ids, found by hash: open addressing, half full at most.
class TokenTable {
 public:
  /// Room for `count` tokens; the table then holds views of the strings that `add` is given.
  explicit TokenTable(std::size_t count = 0);

  void add(std::string_view token, std::uint32_t id);

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
  /// Throws BundleError when two entries have one id. Tokens must differ from each other.
  Vocabulary(std::vector<Entry> entries, std::string_view continuing_prefix);
  Vocabulary(const Vocabulary&) = delete;
  Vocabulary& operator=(const Vocabulary&) = delete;
  Vocabulary(Vocabulary&&) = default;
  Vocabulary& operator=(Vocabulary&&) = default;

  [[nodiscard]] std::optional<std::uint32_t> id(std::string_view token) const;
  /// The token of an id, or null.
  [[nodiscard]] const std::string* token(std::int64_t id) const;
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

  /// Tokens that begin a word.
  [[nodiscard]] const TokenTable& beginning() const { return beginning_; }
  /// Tokens that go on with a word, without the prefix that marks them.
  [[nodiscard]] const TokenTable& continuing() const { return continuing_; }

 private:
  std::vector<Entry> entries_;  ///< In the order of ids.
  TokenTable beginning_;
  TokenTable continuing_;
};

}  // namespace bert_runtime
