#include "tasks/question_answering/spans.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <utility>

#include "nonspacing.h"
#include "unicode.h"

namespace bert_runtime {
namespace {

using Key = std::pair<std::int64_t, std::int64_t>;  // the characters where a span starts and ends

/// A start and an end in one window, counted from its first piece.
struct Scored {
  std::size_t start, end;
  double score;
};

double score(const WindowLogits& window, std::size_t start, std::size_t end) {
  return static_cast<double>(window.start[start]) + static_cast<double>(window.end[end]);
}

/// One past the last piece that an answer from `start` can end at.
std::size_t last_end(const WindowLogits& window, std::size_t start, std::size_t longest) {
  return start + std::min(longest, window.end.size() - start);
}

/// A score that the `count` best starts reach with their best end: the `count`-th best of all is no smaller.
double bound(const WindowLogits& window, std::size_t longest, std::size_t count) {
  std::vector<double> rows;
  if (count >= window.start.size()) return std::numeric_limits<double>::lowest();
  for (std::size_t start = 0; start < window.start.size(); ++start) {
    const std::span ends = window.end.subspan(start, last_end(window, start, longest) - start);
    rows.push_back(static_cast<double>(window.start[start]) + static_cast<double>(std::ranges::max(ends)));
  }
  std::ranges::nth_element(rows, rows.begin() + static_cast<std::ptrdiff_t>(count - 1), std::greater<>());
  return rows[count - 1];
}

/// Every candidate that reaches `least`, best first; equal ones by start, then by end.
std::vector<Scored> reaching(const WindowLogits& window, std::size_t longest, double least) {
  std::vector<Scored> found;
  for (std::size_t start = 0; start < window.start.size(); ++start) {
    for (std::size_t end = start; end < last_end(window, start, longest); ++end) {
      if (const double sum = score(window, start, end); sum >= least) found.push_back({start, end, sum});
    }
  }
  std::ranges::stable_sort(found, std::greater<>(), &Scored::score);
  return found;
}

/// The spans of several windows, each with its best score.
class SpanSet {
 public:
  SpanSet(std::span<const Span> characters, std::span<const Span> bytes) : characters_(characters), bytes_(bytes) {}

  /// Adds the `count` best distinct spans of one window. Several candidates may be one span, so the search widens until
  /// `count` distinct ones are found or none is left.
  void add(const WindowLogits& window, std::size_t longest, std::size_t count) {
    for (std::size_t candidates = count;; candidates *= 8) {
      const bool is_last = candidates >= window.start.size();
      const double least = bound(window, longest, candidates);
      const std::map<Key, AnswerSpan> found = distinct(window, reaching(window, longest, least), count);
      if (found.size() < count && !is_last) continue;
      for (const auto& [key, span] : found) {
        const auto [known, is_new] = best_.emplace(key, span);
        if (!is_new) known->second.score = std::max(known->second.score, span.score);
      }
      return;
    }
  }

  /// The `count` best.
  [[nodiscard]] std::vector<AnswerSpan> ranked(std::size_t count) const {
    std::vector<AnswerSpan> spans;
    for (const auto& entry : best_) spans.push_back(entry.second);  // by start, then by end
    std::ranges::stable_sort(spans, std::greater<>(), &AnswerSpan::score);
    if (spans.size() > count) spans.resize(count);
    return spans;
  }

 private:
  /// The first `count` distinct spans among candidates.
  [[nodiscard]] std::map<Key, AnswerSpan> distinct(const WindowLogits& window, const std::vector<Scored>& candidates,
                                                   std::size_t count) const {
    std::map<Key, AnswerSpan> spans;
    for (const Scored& candidate : candidates) {
      if (spans.size() == count) break;
      const std::size_t first = window.first + candidate.start, last = window.first + candidate.end;
      const Span characters = {characters_[first].begin, characters_[last].end};
      const Span bytes = {bytes_[first].begin, bytes_[last].end};
      spans.emplace(Key{characters.begin, characters.end}, AnswerSpan{characters, bytes, candidate.score});
    }
    return spans;
  }

  std::span<const Span> characters_, bytes_;
  std::map<Key, AnswerSpan> best_;
};

/// Moves the ends of a word, counted in characters and in bytes, past the nonspacing marks that stand there.
void pass_marks(std::string_view context, std::int64_t& character, std::int64_t& byte) {
  while (byte < static_cast<std::int64_t>(context.size())) {
    const unicode::Decoded next = unicode::decode(context, static_cast<std::size_t>(byte));
    if (!is_nonspacing_mark(next.code)) return;
    ++character;
    byte += next.length;
  }
}

}  // namespace

AnswerPlaces answer_places(std::string_view context, const Pieces& pieces, bool align_to_words) {
  AnswerPlaces places{pieces.offsets, pieces.bytes};
  if (!align_to_words) return places;
  const std::size_t size = pieces.words.size();
  for (std::size_t first = 0, last = 0; first < size; first = last) {
    while (last < size && pieces.words[last] == pieces.words[first]) ++last;
    Span characters = {pieces.offsets[first].begin, pieces.offsets[last - 1].end};
    Span bytes = {pieces.bytes[first].begin, pieces.bytes[last - 1].end};
    pass_marks(context, characters.end, bytes.end);
    std::fill(places.characters.begin() + static_cast<std::ptrdiff_t>(first),
              places.characters.begin() + static_cast<std::ptrdiff_t>(last), characters);
    std::fill(places.bytes.begin() + static_cast<std::ptrdiff_t>(first),
              places.bytes.begin() + static_cast<std::ptrdiff_t>(last), bytes);
  }
  return places;
}

std::vector<AnswerSpan> best_spans(std::span<const WindowLogits> windows, std::span<const Span> characters,
                                   std::span<const Span> bytes, std::int64_t longest, std::int64_t count) {
  SpanSet spans(characters, bytes);
  for (const WindowLogits& window : windows) {
    spans.add(window, static_cast<std::size_t>(longest), static_cast<std::size_t>(count));
  }
  return spans.ranked(static_cast<std::size_t>(count));
}

}  // namespace bert_runtime
