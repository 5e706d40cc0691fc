// Offsets without the spaces that a byte-level token begins or ends with.
#pragma once

#include <string_view>
#include <vector>

#include "bert_runtime/utf8.h"

namespace bert_runtime {

/// Trims the offsets of one text's pieces, as the tokenizers library does: by the characters of their names.
class OffsetTrims {
 public:
  /// For each time, whether a space that was put before the text is none of the piece's own.
  OffsetTrims(std::string_view text, const std::vector<bool>& prefixed) : text_(text), prefixed_(prefixed) {}

  [[nodiscard]] bool empty() const { return prefixed_.empty(); }

  /// Moves both ends of `characters` and of `bytes` inwards. `name` is what the piece is called.
  void trim(std::string_view name, bool is_first, Span& characters, Span& bytes);

  /// Call this before the text behind names changes: names of the same place are read once.
  void forget() { spaces_ = {}; }

 private:
  /// How many characters of a name are spaces: at its start, and at its end.
  struct Margins {
    std::int64_t before, behind;
  };

  Margins margins(std::string_view name);
  void move_begin(std::int64_t count, Span& characters, Span& bytes) const;
  void move_end(std::int64_t count, Span& characters, Span& bytes) const;

  std::string_view text_;
  const std::vector<bool>& prefixed_;
  std::string_view spaces_;  ///< The last name that was spaces alone.
  std::int64_t count_ = 0;   ///< Its characters.
};

}  // namespace bert_runtime
