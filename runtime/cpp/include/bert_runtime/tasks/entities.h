// A labelled part of a text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "bert_runtime/utf8.h"

namespace bert_runtime {

/// What a label says: the kind of entity, whether it begins one, and whether it ends one.
struct Tag {
  std::string label;
  std::string kind;
  bool begins = false;
  bool ends = false;
};

/// A labelled part of the text: its code points [start, end).
struct Entity {
  std::string label;  ///< The model's; of aggregated entities without its scheme's letter, as in B-.
  double score = 0;   ///< In 0..1, the mean over the entity's words (tokens for `simple`).
  std::string text;   ///< The original text between `start` and `end`.
  std::int64_t start = 0;
  std::int64_t end = 0;
  std::optional<std::int64_t> index;  ///< Without aggregation the token's place in the sequence, where [CLS] is 0.
  Span bytes;                         ///< The same place in bytes of the text. Not in JSON.
};

}  // namespace bert_runtime
