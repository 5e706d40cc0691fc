// Split: cuts at a string, or with GPT-2's pattern.
#pragma once

#include <string>

#include "pre_tokenizers/matches.h"

namespace bert_runtime {

class PatternSplit : public PreTokenizer {
 public:
  /// At each `pattern`; at GPT-2's where it is empty. `invert` exchanges what matches and what stands between.
  PatternSplit(std::string pattern, Behavior behavior, bool invert)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}

  void cut(Words& words) const override;

 private:
  void find(std::string_view until, Range part, std::vector<Match>& found) const;

  std::string pattern_;
  Behavior behavior_;
  bool invert_;
};

}  // namespace bert_runtime
