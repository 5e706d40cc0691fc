// A precompiled character map, as SentencePiece writes it: a trie of bytes (the double array of Darts-clone) whose leaves
// name texts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bert_runtime {

/// A map that was checked: no lookup leaves it. Never changes after it is made; safe in threads.
class Charsmap {
 public:
  /// Reads the file's base64; nothing, where it is no map: no canonical base64, a trie whose edges or leaves point beyond
  /// it, a text that is no UTF-8, begins inside a character, or has more than `longest` bytes.
  [[nodiscard]] static std::optional<Charsmap> read(std::string_view base64, std::size_t longest);

  /// What the shortest beginning of `key` that the map has becomes; nothing where it has none.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view key) const;

  /// The bytes of the longest text.
  [[nodiscard]] std::size_t longest() const { return longest_; }

 private:
  Charsmap(std::vector<std::uint32_t> units, std::string texts) : units_(std::move(units)), texts_(std::move(texts)) {}

  [[nodiscard]] bool is_sound(std::size_t longest);
  [[nodiscard]] std::string_view text(std::uint32_t leaf) const;

  std::vector<std::uint32_t> units_;
  std::string texts_;
  std::size_t longest_ = 0;
};

}  // namespace bert_runtime
