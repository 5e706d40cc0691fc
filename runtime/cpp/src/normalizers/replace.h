// Replace: a string, or a run of spaces, by another string.
#pragma once

#include <string>

#include "normalizers/normalizer.h"

namespace bert_runtime {

/// Replaces what it finds from left to right. What it puts there has the place of the last character that was there.
class Replace : public Normalizer {
 public:
  /// Of every `pattern`, which is not empty.
  Replace(std::string pattern, std::string content) : pattern_(std::move(pattern)), content_(std::move(content)) {}

  /// Of every run of two or more spaces (U+0020).
  [[nodiscard]] static std::unique_ptr<Replace> runs_of_spaces(std::string content);

  void apply(Normalized& text, Normalized& spare) const override;

 private:
  /// Moves `found` to the next match that begins at `from` or behind it; false where there is none.
  [[nodiscard]] bool next(std::string_view text, std::size_t from, Range& found) const;

  std::string pattern_;
  std::string content_;
  bool runs_ = false;
};

}  // namespace bert_runtime
