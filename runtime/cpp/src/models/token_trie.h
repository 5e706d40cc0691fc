// Every token that a text begins with, from one walk over its bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "models/vocabulary.h"

namespace bert_runtime {

/// A trie of tokens. The children of a node lie side by side, so that a node is two numbers and a byte. Never changes after
/// it is made; safe in threads.
class TokenTrie {
 public:
  explicit TokenTrie(std::span<const Entry> entries);

  static constexpr std::uint32_t kNone = UINT32_MAX;
  static constexpr std::uint32_t kRoot = 0;

  /// The node that a byte leads to from another, or kNone.
  [[nodiscard]] std::uint32_t child(std::uint32_t node, char byte) const;
  /// The id of the token that ends at a node, or kNone.
  [[nodiscard]] std::uint32_t token(std::uint32_t node) const { return nodes_[node].token; }

 private:
  struct Node {
    std::uint32_t children;  ///< The first; the last is before those of the next node.
    std::uint32_t token;
  };

  std::vector<Node> nodes_;   ///< The root first, then level by level; one more at the end.
  std::vector<char> labels_;  ///< The byte that leads to each node.
};

}  // namespace bert_runtime
