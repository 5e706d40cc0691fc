#include "tasks/entities.h"

#include <algorithm>
#include <utility>

#include "tasks/scores.h"

namespace bert_runtime {
namespace {

using Probabilities = std::vector<double>;

/// What the model says about one token or one word: its tag, the tag's probability, its place.
struct Labelled {
  const Tag& tag;
  double score;
  Span characters, bytes;
};

/// Each piece by itself.
std::vector<Span> tokens(const Pieces& pieces) {
  std::vector<Span> units;
  for (std::int64_t i = 0; i < pieces.size(); ++i) units.push_back({i, i + 1});
  return units;
}

/// The runs of pieces with the same word number.
std::vector<Span> words(const Pieces& pieces) {
  std::vector<Span> units;
  for (std::size_t i = 0; i < pieces.words.size(); ++i) {
    const auto at = static_cast<std::int64_t>(i);
    if (i == 0 || pieces.words[i] != pieces.words[i - 1]) units.push_back({at, at});
    ++units.back().end;
  }
  return units;
}

Probabilities average(std::span<const Probabilities> pieces) {
  Probabilities sum(pieces.front().size());
  for (const Probabilities& piece : pieces) {
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += piece[i];
  }
  for (double& value : sum) value /= static_cast<double>(pieces.size());
  return sum;
}

/// From the probabilities of a word's pieces to those of the word.
Probabilities vote(std::span<const Probabilities> pieces, std::string_view aggregation) {
  if (aggregation == "average") return average(pieces);
  const auto highest = [](const Probabilities& piece) { return std::ranges::max(piece); };
  if (aggregation == "max") return *std::ranges::max_element(pieces, {}, highest);
  return pieces.front();
}

Labelled labelled_unit(const Probabilities& probabilities, Span unit, const LabelledPieces& labelled) {
  const auto best = static_cast<std::size_t>(argmax<double>(probabilities));
  const auto first = static_cast<std::size_t>(unit.begin), last = static_cast<std::size_t>(unit.end - 1);
  const Pieces& pieces = labelled.pieces;
  return {labelled.tags[best],
          probabilities[best],
          {pieces.offsets[first].begin, pieces.offsets[last].end},
          {pieces.bytes[first].begin, pieces.bytes[last].end}};
}

/// Runs of one kind, cut before each tag that begins an entity and after each that ends one.
std::vector<std::span<const Labelled>> groups(std::span<const Labelled> found) {
  std::vector<std::span<const Labelled>> runs;
  std::size_t first = 0;
  for (std::size_t i = 1; i <= found.size(); ++i) {
    const Tag& before = found[i - 1].tag;
    const bool goes_on = i < found.size() && found[i].tag.kind == before.kind && !found[i].tag.begins && !before.ends;
    if (goes_on) continue;
    runs.push_back(found.subspan(first, i - first));
    first = i;
  }
  return runs;
}

Entity entity(std::string_view text, std::string_view label, std::span<const Labelled> run) {
  double score = 0;
  for (const Labelled& each : run) score += each.score;
  const Span characters = {run.front().characters.begin, run.back().characters.end};
  const Span bytes = {run.front().bytes.begin, run.back().bytes.end};
  const auto first = static_cast<std::size_t>(bytes.begin), size = static_cast<std::size_t>(bytes.size());
  const std::string_view part = text.substr(first, size);
  return {std::string(label),
          score / static_cast<double>(run.size()),
          std::string(part),
          characters.begin,
          characters.end,
          std::nullopt,
          bytes};
}

std::vector<Labelled> labelled_units(const LabelledPieces& labelled, std::string_view aggregation) {
  std::vector<Probabilities> probabilities;
  const std::size_t count = labelled.tags.size();
  for (std::size_t i = 0; i < labelled.pieces.ids.size(); ++i) {
    probabilities.push_back(softmax(labelled.logits.subspan(i * count, count)));
  }
  const bool is_of_tokens = aggregation == "none" || aggregation == "simple";
  std::vector<Labelled> found;
  for (const Span unit : is_of_tokens ? tokens(labelled.pieces) : words(labelled.pieces)) {
    const std::span pieces = std::span<const Probabilities>(probabilities)
                                 .subspan(static_cast<std::size_t>(unit.begin), static_cast<std::size_t>(unit.size()));
    found.push_back(labelled_unit(vote(pieces, aggregation), unit, labelled));
  }
  return found;
}

}  // namespace

std::vector<Entity> entities(const LabelledPieces& labelled, std::string_view aggregation) {
  const std::vector<Labelled> all = labelled_units(labelled, aggregation);
  std::vector<Entity> found;
  if (aggregation == "none") {
    for (std::size_t i = 0; i < all.size(); ++i) {
      found.push_back(entity(labelled.text, all[i].tag.label, std::span(all).subspan(i, 1)));
      found.back().index = static_cast<std::int64_t>(i + 1);
    }
    return found;
  }
  for (const std::span<const Labelled> run : groups(all)) {
    found.push_back(entity(labelled.text, run.front().tag.kind, run));
  }
  return found;
}

}  // namespace bert_runtime
