// WordPiece: the longest token that a word begins with, then the longest that goes on with it.
#pragma once

#include <cstdint>
#include <string_view>

#include "models/model.h"

namespace bert_runtime {

class WordPiece : public Model {
 public:
  /// Throws BundleError when the vocabulary lacks `unknown_token`.
  WordPiece(Vocabulary vocabulary, std::string_view unknown_token, std::uint64_t max_input_chars_per_word);

  /// The unknown token for a word that is too long or that the vocabulary does not cover.
  void cut(std::string_view text, Range word, ModelMemory& memory, std::vector<TextPiece>& pieces) const override;

  [[nodiscard]] const Vocabulary& vocabulary() const override { return vocabulary_; }

 private:
  Vocabulary vocabulary_;
  std::uint32_t unknown_id_;
  std::uint64_t max_chars_;
};

}  // namespace bert_runtime
