// The search for the n best spans, against trying every span.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

#include "tasks/question_answering/spans.h"

using namespace bert_runtime;

namespace {

using Key = std::pair<std::int64_t, std::int64_t>;

/// Windows over the pieces of one context, with the memory of their logits.
struct Context {
  std::vector<Span> places;
  std::vector<std::vector<float>> logits;
  std::vector<WindowLogits> windows;
};

Context random_context(std::mt19937& random, std::size_t pieces, bool ties) {
  Context context;
  std::int64_t word = 0;
  for (std::size_t i = 0; i < pieces; ++i) {
    word += i == 0 || random() % 3 == 0;
    context.places.push_back({word * 3, word * 3 + 2});
  }
  std::normal_distribution<float> normal(0, 3);
  const std::size_t count = 1 + random() % 4;
  context.logits.reserve(2 * count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t first = random() % pieces, size = 1 + random() % (pieces - first);
    for (int side = 0; side < 2; ++side) {
      context.logits.emplace_back(size);
      for (float& value : context.logits.back()) value = ties ? static_cast<float>(random() % 3) : normal(random);
    }
    const auto last = context.logits.size() - 1;
    context.windows.push_back({context.logits[last - 1], context.logits[last], first});
  }
  return context;
}

std::vector<std::pair<Key, double>> brute_force(const Context& context, std::size_t longest, std::size_t count) {
  std::map<Key, double> best;
  for (const WindowLogits& window : context.windows) {
    for (std::size_t i = 0; i < window.start.size(); ++i) {
      for (std::size_t j = i; j < std::min(i + longest, window.end.size()); ++j) {
        const Key key = {context.places[window.first + i].begin, context.places[window.first + j].end};
        const double score = static_cast<double>(window.start[i]) + static_cast<double>(window.end[j]);
        const auto [known, is_new] = best.emplace(key, score);
        if (!is_new) known->second = std::max(known->second, score);
      }
    }
  }
  std::vector<std::pair<Key, double>> ranked(best.begin(), best.end());
  std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  ranked.resize(std::min(ranked.size(), count));
  return ranked;
}

void check_equal(const Context& context, std::size_t longest, std::size_t count) {
  const auto found = best_spans(context.windows, context.places, context.places, static_cast<std::int64_t>(longest),
                                static_cast<std::int64_t>(count));
  const auto expected = brute_force(context, longest, count);
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    CHECK(Key{found[i].characters.begin, found[i].characters.end} == expected[i].first);
    CHECK(found[i].characters == found[i].bytes);
    CHECK(found[i].score == expected[i].second);
  }
}

}  // namespace

TEST_CASE("the search finds exactly what trying every span finds") {
  std::mt19937 random(11);
  for (int i = 0; i < 600; ++i) {
    const Context context = random_context(random, 1 + random() % 40, i % 2 == 0);
    check_equal(context, 1 + random() % 45, 1 + random() % 60);
  }
}

TEST_CASE("the search is exact at the size of a real window") {
  std::mt19937 random(12);
  for (const bool ties : {false, true}) {
    const Context context = random_context(random, 384, ties);
    check_equal(context, 30, 20);
    check_equal(context, 1000000, 5000);
  }
}

TEST_CASE("an answer keeps the combining marks behind its last word, in characters and in bytes") {
  const std::string context = "cafe\xcc\x81 \xf0\x9f\x8e\xac";
  const Pieces pieces = {{1, 2}, {{0, 4}, {6, 7}}, {{0, 4}, {7, 11}}, {0, 1}};
  const AnswerPlaces aligned = answer_places(context, pieces, true);
  CHECK(aligned.characters == std::vector<Span>{{0, 5}, {6, 7}});
  CHECK(aligned.bytes == std::vector<Span>{{0, 6}, {7, 11}});
  CHECK(answer_places(context, pieces, false).characters == pieces.offsets);
}
