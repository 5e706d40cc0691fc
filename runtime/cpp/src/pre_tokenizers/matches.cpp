#include "pre_tokenizers/matches.h"

#include <utility>

namespace bert_runtime {
namespace {

constexpr std::pair<std::string_view, Behavior> kBehaviors[] = {
    {"Removed", Behavior::kRemoved},
    {"Isolated", Behavior::kIsolated},
    {"MergedWithPrevious", Behavior::kMergedWithPrevious},
    {"MergedWithNext", Behavior::kMergedWithNext},
    {"Contiguous", Behavior::kContiguous},
};

/// Whether the word goes on from one match to the next.
bool is_joined(const Match& one, const Match& next, Behavior behavior) {
  switch (behavior) {
    case Behavior::kMergedWithPrevious:
      return next.is_match && !one.is_match;
    case Behavior::kMergedWithNext:
      return one.is_match && !next.is_match;
    case Behavior::kContiguous:
      return one.is_match == next.is_match;
    default:
      return false;
  }
}

}  // namespace

std::optional<Behavior> behavior_of(std::string_view name) {
  for (const auto& [each, behavior] : kBehaviors) {
    if (each == name) return behavior;
  }
  return std::nullopt;
}

void keep_words(const std::vector<Match>& matches, Behavior behavior, Words& words) {
  for (std::size_t i = 0; i < matches.size();) {
    Range word = matches[i].part;
    const bool goes = behavior == Behavior::kRemoved && matches[i].is_match;
    for (++i; i < matches.size() && is_joined(matches[i - 1], matches[i], behavior); ++i)
      word.end = matches[i].part.end;
    if (!goes) words.keep(word);
  }
}

}  // namespace bert_runtime
