// From token logits to entities: the five aggregation strategies of transformers' token-classification pipeline, with
// the two exceptions that the Python runtime's entities.py names. All functions are pure.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "bert_runtime/tasks/entities.h"
#include "bert_runtime/tensor.h"
#include "bert_runtime/text.h"
#include "tasks/fields.h"

namespace bert_runtime {

template <>
struct Fields<Entity> {
  static constexpr auto list =
      std::tuple(field("label", &Entity::label), field("score", &Entity::score), field("text", &Entity::text),
                 field("start", &Entity::start), field("end", &Entity::end), field("index", &Entity::index));
};

/// The first two look at tokens, the others at words.
inline constexpr std::array<std::string_view, 5> kAggregations = {"none", "simple", "first", "average", "max"};

/// What entities are found in: a text, its pieces, the float32 logits of each, (pieces, labels), and what labels say.
struct LabelledPieces {
  std::string_view text;
  const Pieces& pieces;
  std::span<const float> logits;
  const std::vector<Tag>& tags;
};

/// The entities from left to right, whatever their label; `aggregation` is one of kAggregations:
///
/// * `none`: each token is an entity, under its full label;
/// * `simple`: neighbouring tokens of one kind are one entity, unless a tag begins or ends one between them;
/// * `first`, `average`, `max`: the same with words, whose probabilities are those of the first piece, the mean of all,
///   or those of the piece that is surest.
[[nodiscard]] std::vector<Entity> entities(const LabelledPieces& labelled, std::string_view aggregation);

}  // namespace bert_runtime
