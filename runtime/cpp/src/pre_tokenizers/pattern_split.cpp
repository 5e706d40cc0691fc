#include "pre_tokenizers/pattern_split.h"

#include <algorithm>

#include "pre_tokenizers/gpt2_pattern.h"

namespace bert_runtime {

void PatternSplit::find(std::string_view until, Range part, std::vector<Match>& found) const {
  std::size_t at = part.begin;
  while (at < part.end && pattern_.empty()) {
    const std::size_t end = gpt2_match(until, at);
    found.push_back({{at, end}, !invert_});
    at = end;
  }
  while (at < part.end) {
    const std::size_t begin = std::min(until.find(pattern_, at), part.end);
    if (at < begin) found.push_back({{at, begin}, invert_});
    if (begin < part.end) found.push_back({{begin, begin + pattern_.size()}, !invert_});
    at = begin < part.end ? begin + pattern_.size() : part.end;
  }
}

void PatternSplit::cut(Words& words) const {
  std::vector<Match> found;
  words.cut_each([&](Range part) {
    found.clear();
    find(std::string_view(words.text().text).substr(0, part.end), part, found);
    keep_words(found, behavior_, words);
  });
}

}  // namespace bert_runtime
