"""Real texts of several kinds, each for a head that knows them, in a seeded shuffle."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from training.corpora import conll, rotten_tomatoes, sentiment_ratings, squad

from bert_runtime.text import TextEncoder

Record = Mapping[str, str]
"""A request as `bert-run` reads it."""


@dataclass(frozen=True)
class Kind:
    """Requests of one kind for one head, whose network is MiniLM-L6.

    Attributes:
        head: a key of `accuracy_heads.HEADS`.
        all: every request of the kind, in a fixed order.
    """

    head: str
    all: Callable[[], Sequence[Record]]

    def sample(self, count: int) -> list[Record]:
        """So many of them, the same ones every time."""
        return random.Random(0).sample(self.all(), count)


def mixed(count: int) -> list[str]:
    """So many texts of three to several hundred tokens, a quarter of each source, in an order that mixes them."""
    sources = (
        [question.context for question in squad.load("squad-dev")],
        [str(line["text"]) for line in rotten_tomatoes.held_out()],
        [str(line["text"]) for line in sentiment_ratings.held_out()],
        [str(line["text"]) for line in conll.load("test")],
    )
    rng = random.Random(0)
    found = [text for source in sources for text in rng.sample(source, count // len(sources))]
    rng.shuffle(found)
    return found


def lengths(texts: Sequence[str], encoder: TextEncoder) -> list[int]:
    """Tokens of each text as one row, cut at what the model takes."""
    return [len(encoder.row(encoder.truncate(encoder.pieces(text))[0]).ids) for text in texts]


def _questions() -> list[Record]:
    return [{"question": each.question, "context": each.context} for each in squad.load("squad-dev")]


def _sentences() -> list[Record]:
    return [{"text": str(line["text"])} for line in conll.load("test")]


KINDS: Mapping[str, Kind] = {
    "mixed": Kind("text-classification", lambda: [{"text": text} for text in mixed(1024)]),
    "squad": Kind("question-answering", _questions),
    "reviews-short": Kind(
        "text-classification", lambda: [{"text": str(line["text"])} for line in rotten_tomatoes.held_out()]
    ),
    "reviews-long": Kind("text-classification", lambda: [{"text": text} for text in rotten_tomatoes.whole_reviews()]),
    "conll": Kind("token-classification", _sentences),
}
