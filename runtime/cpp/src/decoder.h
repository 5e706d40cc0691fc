// From tokens back to text, as the tokenizers library's WordPiece decoder does it.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace bert_runtime {

/// How tokens are joined. Safe in threads.
struct Decoder {
  bool wordpiece = false;  ///< Else a space stands between any two.
  std::string prefix;      ///< A token that begins with it goes on with the word before.
  bool cleanup = false;    ///< Takes the spaces before punctuation and shortened words away.

  [[nodiscard]] std::string join(std::span<const std::string_view> tokens) const;
};

}  // namespace bert_runtime
