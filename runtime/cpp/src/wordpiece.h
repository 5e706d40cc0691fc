// From normalised text to words (BertPreTokenizer) and from a word to its pieces (WordPiece, longest match first).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vocabulary.h"

namespace bert_runtime {

/// A piece of a text: its id and its bytes.
struct TextPiece {
  std::uint32_t id;
  std::size_t begin, end;
};

/// Moves [begin, end) of `text`, valid UTF-8, to the next word behind `end`: what spaces separate, and each punctuation by
/// itself. False at the end of the text.
bool next_word(std::string_view text, std::size_t& begin, std::size_t& end);

/// The WordPiece model. Never changes after it is made; safe in threads.
class WordPiece {
 public:
  /// Throws BundleError when the vocabulary lacks `unknown_token`.
  WordPiece(Vocabulary vocabulary, std::string_view unknown_token, std::uint64_t max_input_chars_per_word);

  /// Appends the pieces of the word in bytes [begin, end) of `text`: the unknown token for a word that is too long or
  /// that the vocabulary does not cover. `hashes` is memory to work in.
  void cut(std::string_view text, std::size_t begin, std::size_t end, WordHashes& hashes,
           std::vector<TextPiece>& pieces) const;

  [[nodiscard]] const Vocabulary& vocabulary() const { return vocabulary_; }

 private:
  Vocabulary vocabulary_;
  std::uint32_t unknown_id_;
  std::uint64_t max_chars_;
};

}  // namespace bert_runtime
