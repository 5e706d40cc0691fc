// Byte pair encoding: neighbours of a word are merged, the pair that was learnt first before all others.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/model.h"

namespace bert_runtime {

/// What a file says of a BPE model beside its vocabulary and merges.
struct BpeSettings {
  std::optional<std::string> unknown_token;
  bool fuse_unknown = false;   ///< Neighbours that are unknown are one.
  bool byte_fallback = false;  ///< A character that the vocabulary lacks is its bytes, as <0xE2>.
  bool ignore_merges = false;  ///< A word that the vocabulary has is one piece, whatever the merges say.
};

/// Pairs of ids, with what each pair becomes: open addressing, half full at most.
class MergeTable {
 public:
  struct Merge {
    std::uint32_t rank, merged;
  };

  explicit MergeTable(std::size_t count);

  /// Of a pair that is there already the later rank counts.
  void put(std::uint32_t left, std::uint32_t right, Merge merge);
  [[nodiscard]] const Merge* find(std::uint32_t left, std::uint32_t right) const;

 private:
  struct Slot {
    std::uint64_t pair = 0;
    Merge merge{kFree, 0};
  };
  static constexpr std::uint32_t kFree = UINT32_MAX;  ///< No rank is as large.

  [[nodiscard]] std::size_t slot(std::uint64_t pair) const;

  std::vector<Slot> slots_;
};

class Bpe : public Model {
 public:
  /// Throws BundleError when the vocabulary lacks a part of a merge, what it makes, or the unknown token.
  Bpe(Vocabulary vocabulary, const std::vector<std::pair<std::string, std::string>>& merges, BpeSettings settings);

  void cut(std::string_view text, Range word, ModelMemory& memory, std::vector<TextPiece>& pieces) const override;

  [[nodiscard]] const Vocabulary& vocabulary() const override { return vocabulary_; }

 private:
  void read_merges(const std::vector<std::pair<std::string, std::string>>& merges);
  void find_whole_words();
  [[nodiscard]] bool merges_to(const Entry& entry, ModelMemory& memory) const;
  [[nodiscard]] std::optional<std::uint32_t> character(std::string_view bytes) const;
  void read_symbols(std::string_view word, std::vector<WordSymbol>& symbols) const;
  bool read_bytes(std::string_view character, std::vector<WordSymbol>& symbols) const;
  void merge_few(ModelMemory& memory) const;
  void merge_many(ModelMemory& memory) const;
  void consider(const std::vector<WordSymbol>& symbols, std::uint32_t position,
                std::vector<MergeCandidate>& heap) const;

  Vocabulary vocabulary_;
  BpeSettings settings_;
  std::optional<std::uint32_t> unknown_id_;
  MergeTable merges_;
  TokenTable whole_;                                           ///< The words that are one piece.
  std::array<std::optional<std::uint32_t>, 512> small_;        ///< The ids of characters below U+0200.
  std::array<std::optional<std::uint32_t>, 256> byte_tokens_;  ///< The ids of <0x00> to <0xFF>.
};

}  // namespace bert_runtime
