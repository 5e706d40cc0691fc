#include "tasks/entities.h"

#include <algorithm>
#include <utility>

#include "tasks/scores.h"

namespace bert_runtime {
namespace {

using Probabilities = std::vector<double>;

/// What the model says about one token or one word: its label, the label's probability, its place.
struct Tag {
  std::string_view label;
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

Tag tag(const Probabilities& probabilities, Span unit, const LabelledPieces& labelled) {
  const auto best = static_cast<std::size_t>(argmax<double>(probabilities));
  const auto first = static_cast<std::size_t>(unit.begin), last = static_cast<std::size_t>(unit.end - 1);
  const Pieces& pieces = labelled.pieces;
  return {labelled.labels[best],
          probabilities[best],
          {pieces.offsets[first].begin, pieces.offsets[last].end},
          {pieces.bytes[first].begin, pieces.bytes[last].end}};
}

std::string_view kind(std::string_view label) {
  return label.starts_with("B-") || label.starts_with("I-") ? label.substr(2) : label;
}

/// The label without the prefix of a chunk scheme: BIO, BIOES, BILOU or BMES.
std::string_view without_scheme(std::string_view label) {
  constexpr std::string_view kPrefixes = "BIESLUM";
  const bool has_prefix = label.size() > 1 && label[1] == '-' && kPrefixes.find(label[0]) != std::string_view::npos;
  return has_prefix ? label.substr(2) : label;
}

/// Runs of tags of one kind; B- starts a run, I- and labels without either prefix continue one.
std::vector<std::span<const Tag>> groups(std::span<const Tag> tags) {
  std::vector<std::span<const Tag>> runs;
  std::size_t first = 0;
  for (std::size_t i = 1; i <= tags.size(); ++i) {
    const bool goes_on =
        i < tags.size() && !tags[i].label.starts_with("B-") && kind(tags[i].label) == kind(tags[i - 1].label);
    if (goes_on) continue;
    runs.push_back(tags.subspan(first, i - first));
    first = i;
  }
  return runs;
}

Entity entity(std::string_view text, std::string_view label, std::span<const Tag> run) {
  double score = 0;
  for (const Tag& each : run) score += each.score;
  const Span characters = {run.front().characters.begin, run.back().characters.end};
  const Span bytes = {run.front().bytes.begin, run.back().bytes.end};
  const auto first = static_cast<std::size_t>(bytes.begin), size = static_cast<std::size_t>(bytes.size());
  const std::string_view part = text.substr(first, size);
  return {std::string(label), score / static_cast<double>(run.size()), std::string(part), characters.begin,
          characters.end,     std::nullopt,                            bytes};
}

std::vector<Tag> tags(const LabelledPieces& labelled, std::string_view aggregation) {
  std::vector<Probabilities> probabilities;
  const std::size_t count = labelled.labels.size();
  for (std::size_t i = 0; i < labelled.pieces.ids.size(); ++i) {
    probabilities.push_back(softmax(labelled.logits.subspan(i * count, count)));
  }
  const bool is_of_tokens = aggregation == "none" || aggregation == "simple";
  std::vector<Tag> found;
  for (const Span unit : is_of_tokens ? tokens(labelled.pieces) : words(labelled.pieces)) {
    const std::span pieces = std::span<const Probabilities>(probabilities)
                                 .subspan(static_cast<std::size_t>(unit.begin), static_cast<std::size_t>(unit.size()));
    found.push_back(tag(vote(pieces, aggregation), unit, labelled));
  }
  return found;
}

}  // namespace

std::vector<Entity> entities(const LabelledPieces& labelled, std::string_view aggregation) {
  const std::vector<Tag> all = tags(labelled, aggregation);
  std::vector<Entity> found;
  if (aggregation == "none") {
    for (std::size_t i = 0; i < all.size(); ++i) {
      found.push_back(entity(labelled.text, all[i].label, std::span(all).subspan(i, 1)));
      found.back().index = static_cast<std::int64_t>(i + 1);
    }
    return found;
  }
  for (const std::span<const Tag> run : groups(all)) {
    found.push_back(entity(labelled.text, without_scheme(run.front().label), run));
  }
  return found;
}

}  // namespace bert_runtime
