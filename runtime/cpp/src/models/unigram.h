// Unigram: of all ways to cut a word into tokens the one whose scores have the largest sum.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "models/model.h"
#include "models/token_trie.h"

namespace bert_runtime {

class Unigram : public Model {
 public:
  /// The score of a token is at the place of its id: ids count from 0. `unknown_id` is one of them.
  Unigram(Vocabulary vocabulary, std::vector<double> scores, std::uint32_t unknown_id, bool byte_fallback);

  void cut(std::string_view text, Range word, ModelMemory& memory, std::vector<TextPiece>& pieces) const override;

  [[nodiscard]] const Vocabulary& vocabulary() const override { return vocabulary_; }

 private:
  void find_paths(std::string_view word, std::vector<BestPath>& paths) const;
  void put_unknown(std::string_view text, Range piece, std::vector<TextPiece>& pieces) const;

  Vocabulary vocabulary_;
  std::vector<double> scores_;
  std::uint32_t unknown_id_;
  double unknown_score_;
  TokenTrie trie_;
  std::optional<std::array<std::optional<std::uint32_t>, 256>> byte_tokens_;
};

/// The number that the tokenizers library reads where Python writes this one: its JSON parser divides the digits by a power
/// of ten, which may be off by the last bit.
[[nodiscard]] double score_of(double number);

}  // namespace bert_runtime
