// The words for the masks of a text: what fill-mask and pretraining share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bert_runtime/utf8.h"

namespace bert_runtime {

/// A word for a mask.
struct Candidate {
  std::string token;  ///< The entry of the vocabulary; a piece that continues a word starts with ##.
  std::int64_t token_id = 0;
  double score = 0;  ///< Its probability at this mask, among the whole vocabulary.
  std::string text;  ///< The text with this mask filled; other masks stay.
};

/// One mask: its code points [start, end) in the text, and its candidates, best first.
struct MaskResult {
  std::int64_t start = 0;
  std::int64_t end = 0;
  std::vector<Candidate> candidates;
  Span bytes;  ///< The same place in bytes of the text. Not in JSON.
};

}  // namespace bert_runtime
