// What a pattern matches becomes words by one of five behaviours, as in the tokenizers library.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "normalized.h"
#include "pre_tokenizers/pre_tokenizer.h"

namespace bert_runtime {

/// What becomes of a match: it goes, is a word, joins the word before or behind it, or its neighbours that match too.
enum class Behavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

/// The behaviour of that name, or nothing.
[[nodiscard]] std::optional<Behavior> behavior_of(std::string_view name);

/// A part of a text that a pattern matches, or that stands between two matches.
struct Match {
  Range part;
  bool is_match;
};

/// Keeps the words that `matches`, which cover a part without a gap, are by `behavior`.
void keep_words(const std::vector<Match>& matches, Behavior behavior, Words& words);

}  // namespace bert_runtime
