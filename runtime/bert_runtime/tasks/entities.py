"""From token logits to entities: the five aggregation strategies of transformers' token-classification pipeline.

Source: `TokenClassificationPipeline.aggregate`, transformers 5. The same logits give the same entities, with two
exceptions, both because the pipeline guesses what is known here:

* which pieces form a word comes from the tokenizer, not from comparing a piece's length with its text: an uncased
  vocabulary decomposes Hangul and accents, and the pipeline then glues such a word to the one before it;
* more tag schemes than BIO are read, and only their letters are taken off a label: DATE-TIME stays DATE-TIME. See
  `bert_runtime.tasks.tag_scheme`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bert_runtime.tasks.result import Result
from bert_runtime.tasks.scores import softmax
from bert_runtime.tasks.tag_scheme import Tag
from bert_runtime.tasks.task import FloatArray
from bert_runtime.text import IntArray, Pieces

Probabilities = NDArray[np.float64]


@dataclass(frozen=True)
class Entity(Result):
    """A labelled part of the text.

    Attributes:
        label: the model's label; aggregated entities have it without the letter of its tag scheme, such as B- or I-.
        score: the probability in 0..1, the mean over the entity's words (tokens for `simple`).
        text: the original text between `start` and `end`.
        start, end: first and one-past-last character (code points) in the original text.
        index: without aggregation, the token's place in the sequence, where [CLS] is 0; else None.
    """

    label: str
    score: float
    text: str
    start: int
    end: int
    index: int | None = None


@dataclass(frozen=True)
class Labelled:
    """What the model says about one token or one word: its tag, the tag's probability, its characters."""

    tag: Tag
    score: float
    start: int
    end: int


Vote = Callable[[Probabilities], Probabilities]
"""From the probabilities of a word's pieces, (pieces, labels), to those of the word, (labels,)."""

VOTES: dict[str, Vote] = {
    "first": lambda pieces: pieces[0],
    "average": lambda pieces: pieces.mean(axis=0),
    "max": lambda pieces: pieces[pieces.max(axis=1).argmax()],
}
AGGREGATIONS = ("none", "simple", *VOTES)


def entities(text: str, pieces: Pieces, logits: FloatArray, tags: Sequence[Tag], aggregation: str) -> list[Entity]:
    """The entities of `text` from left to right, whatever their label.

    `logits` is float of shape (pieces, labels); `tags` are what the labels say, in the order of the logits; and
    `aggregation` is one of AGGREGATIONS:

    * `none`: each token is an entity, under its full label;
    * `simple`: neighbouring tokens of one kind are one entity, unless a tag begins or ends one between them;
    * `first`, `average`, `max`: the same with words, whose probabilities are those of the first piece, the mean of all,
      or those of the piece that is surest.
    """
    probabilities = softmax(logits)
    units = words(pieces.words) if aggregation in VOTES else tokens(pieces)
    vote = VOTES.get(aggregation, VOTES["first"])
    found = [_labelled(vote(probabilities[unit]), pieces.offsets[unit], tags) for unit in units]
    if aggregation == "none":
        return [_entity(text, each.tag.label, [each], index) for index, each in enumerate(found, start=1)]
    return [_entity(text, group[0].tag.kind, group) for group in groups(found)]


def tokens(pieces: Pieces) -> list[slice]:
    """Each piece by itself."""
    return [slice(i, i + 1) for i in range(len(pieces))]


def words(numbers: IntArray) -> list[slice]:
    """The runs of pieces with the same word number."""
    if not len(numbers):
        return []
    borders = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
    return [slice(start, end) for start, end in pairwise(borders)]


def groups(found: Iterable[Labelled]) -> list[list[Labelled]]:
    """Runs of one kind, cut before each tag that begins an entity and after each that ends one."""
    runs: list[list[Labelled]] = []
    for each in found:
        before = runs[-1][-1].tag if runs else None
        if before and before.kind == each.tag.kind and not (before.ends or each.tag.begins):
            runs[-1].append(each)
        else:
            runs.append([each])
    return runs


def _labelled(probabilities: Probabilities, offsets: IntArray, tags: Sequence[Tag]) -> Labelled:
    """The tag of one unit: `probabilities` of shape (labels,), `offsets` of shape (pieces, 2)."""
    best = int(probabilities.argmax())
    return Labelled(tags[best], float(probabilities[best]), int(offsets[0, 0]), int(offsets[-1, 1]))


def _entity(text: str, label: str, run: Sequence[Labelled], index: int | None = None) -> Entity:
    score = sum(each.score for each in run) / len(run)
    start, end = run[0].start, run[-1].end
    return Entity(label, score, text[start:end], start, end, index)
