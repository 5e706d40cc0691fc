#include "models/token_trie.h"

#include <algorithm>
#include <cstring>

namespace bert_runtime {
namespace {

/// The tokens below a node: those of [begin, end) in order, that share their first bytes.
struct Below {
  std::uint32_t begin, end;
};

}  // namespace

TokenTrie::TokenTrie(std::span<const Entry> entries) {
  std::vector<const Entry*> sorted;
  sorted.reserve(entries.size());
  for (const Entry& entry : entries) {
    if (!entry.token.empty()) sorted.push_back(&entry);
  }
  std::ranges::sort(sorted, {}, [](const Entry* entry) { return std::string_view(entry->token); });
  std::vector<Below> level{{0, static_cast<std::uint32_t>(sorted.size())}}, next;
  labels_.push_back(0);
  for (std::size_t depth = 0; !level.empty(); ++depth, level.swap(next)) {
    next.clear();
    for (auto [begin, end] : level) {
      const bool is_token = begin < end && sorted[begin]->token.size() == depth;
      nodes_.push_back({static_cast<std::uint32_t>(labels_.size()), is_token ? sorted[begin]->id : kNone});
      for (begin += is_token; begin < end;) {
        const char label = sorted[begin]->token[depth];
        const std::uint32_t first = begin;
        while (begin < end && sorted[begin]->token[depth] == label) ++begin;
        labels_.push_back(label);
        next.push_back({first, begin});
      }
    }
  }
  nodes_.push_back({static_cast<std::uint32_t>(labels_.size()), kNone});
}

std::uint32_t TokenTrie::child(std::uint32_t node, char byte) const {
  const std::uint32_t first = nodes_[node].children, last = nodes_[node + 1].children;
  const char* labels = labels_.data();
  if (last - first <= 4) {
    for (std::uint32_t i = first; i < last; ++i) {
      if (labels[i] == byte) return i;
    }
    return kNone;
  }
  const void* found = std::memchr(labels + first, static_cast<unsigned char>(byte), last - first);
  return found == nullptr ? kNone : static_cast<std::uint32_t>(static_cast<const char*>(found) - labels);
}

}  // namespace bert_runtime
