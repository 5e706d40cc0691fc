// From a word to its pieces.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "models/vocabulary.h"
#include "normalized.h"

namespace bert_runtime {

/// A piece of a text: its id and its bytes.
struct TextPiece {
  std::uint32_t id;
  std::size_t begin, end;
  bool is_text = false;  ///< The piece is called as the text is written there, and not by the vocabulary's entry.
};

/// A symbol of a word that BPE merges with its neighbours.
struct WordSymbol {
  std::uint32_t id = 0;
  std::uint32_t length = 0;  ///< In bytes; 0 when it went into the one before.
  std::uint32_t previous = 0, next = 0;
};

/// A merge that is possible, or was.
struct MergeCandidate {
  std::uint32_t rank = 0;
  std::uint32_t position = 0;
  std::uint32_t merged = 0;
};

/// The best way to a place in a word, for Unigram.
struct BestPath {
  double score = 0;
  std::uint32_t start = 0;
  std::uint32_t id = 0;
  bool is_reached = false;
};

/// A piece of the best way.
struct PathPiece {
  std::uint32_t id = 0;
  Range place{};
};

/// Memory of one call, used again for each word.
struct ModelMemory {
  WordHashes hashes;
  std::vector<WordSymbol> symbols;
  std::vector<MergeCandidate> candidates;
  std::vector<BestPath> paths;
  std::vector<PathPiece> path_pieces;
};

/// A model of tokenizer.json. Never changes after it is made; safe in threads.
class Model {
 public:
  Model() = default;
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;
  virtual ~Model() = default;

  /// Appends the pieces of a word of `text`, valid UTF-8.
  virtual void cut(std::string_view text, Range word, ModelMemory& memory, std::vector<TextPiece>& pieces) const = 0;

  [[nodiscard]] virtual const Vocabulary& vocabulary() const = 0;
};

/// The id of a model's unknown token. Throws BundleError when the vocabulary lacks it.
[[nodiscard]] std::uint32_t unknown_id(const Vocabulary& vocabulary, std::string_view token);

}  // namespace bert_runtime
