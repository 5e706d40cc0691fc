#include "pre_tokenizers/classes_cut.h"

#include "unicode.h"
#include "unicode/classes.h"

namespace bert_runtime {
namespace {

/// What cuts a text into runs: neighbours of one kind are one run.
enum class RunKind { kSpace, kWord, kOther };

RunKind space_or_word(char32_t code) {
  const std::uint16_t properties = unicode::flags(code);
  if (properties & unicode::kWord) return RunKind::kWord;
  return properties & unicode::kSpace ? RunKind::kSpace : RunKind::kOther;
}

RunKind space_or_other(char32_t code) {
  return unicode::flags(code) & unicode::kSpace ? RunKind::kSpace : RunKind::kOther;
}

/// Keeps the runs that are no spaces.
template <class KindOf>
void keep_runs(Words& words, Range part, KindOf kind_of) {
  const std::string_view text = words.text().text;
  RunKind kind = RunKind::kSpace;
  std::size_t begin = part.begin;
  for (std::size_t at = part.begin; at < part.end;) {
    const unicode::Decoded next = unicode::decode(text, at);
    const RunKind found = kind_of(next.code);
    if (found != kind) {
      if (kind != RunKind::kSpace) words.keep({begin, at});
      begin = at;
      kind = found;
    }
    at += next.length;
  }
  if (kind != RunKind::kSpace) words.keep({begin, part.end});
}

/// Every character that matches is a match of its own.
template <class Matches>
void cut_characters(Words& words, Behavior behavior, Matches matches) {
  std::vector<Match> found;
  words.cut_each([&](Range part) {
    const std::string_view text = words.text().text;
    found.clear();
    for (std::size_t at = part.begin; at < part.end;) {
      const unicode::Decoded next = unicode::decode(text, at);
      const bool is_match = matches(next.code);
      const std::size_t end = at + next.length;
      if (!is_match && !found.empty() && !found.back().is_match) {
        found.back().part.end = end;
      } else {
        found.push_back({{at, end}, is_match});
      }
      at = end;
    }
    keep_words(found, behavior, words);
  });
}

}  // namespace

void Whitespace::cut(Words& words) const {
  words.cut_each([&](Range part) { keep_runs(words, part, space_or_word); });
}

void WhitespaceSplit::cut(Words& words) const {
  words.cut_each([&](Range part) { keep_runs(words, part, space_or_other); });
}

void Punctuation::cut(Words& words) const {
  cut_characters(words, behavior_, [](char32_t code) { return (unicode::flags(code) & unicode::kPunctuation) != 0; });
}

void Digits::cut(Words& words) const {
  cut_characters(words, individual_ ? Behavior::kIsolated : Behavior::kContiguous,
                 [](char32_t code) { return (unicode::classes(code) & unicode::kNumeric) != 0; });
}

}  // namespace bert_runtime
