// Precompiled: SentencePiece's normalization.
#pragma once

#include <array>
#include <vector>

#include "normalizers/charsmap.h"
#include "normalizers/normalizer.h"

namespace bert_runtime {

/// Replaces graphemes of less than six bytes, else characters, by what a map has for the shortest beginning of them: the
/// tokenizers library's reading of SentencePiece's rules.
class Precompiled : public Normalizer {
 public:
  explicit Precompiled(Charsmap&& map);

  void apply(Normalized& text, Normalized& spare) const override;

 private:
  /// Notes what becomes of one grapheme; true when something does.
  bool replace(std::string_view grapheme, std::vector<Change>& changes) const;

  Charsmap map_;
  std::array<bool, 128> has_{};  ///< Whether the map has something for an ASCII character.
};

}  // namespace bert_runtime
