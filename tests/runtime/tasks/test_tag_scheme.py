"""Tags begin, continue and end entities as their scheme says, on valid and on wrong sequences; words are no tags."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import seqeval.scheme
from seqeval.metrics.sequence_labeling import get_entities

from bert_runtime.tasks.entities import entities
from bert_runtime.tasks.tag_scheme import Tag, read_tags, remarks
from bert_runtime.tasks.task import HeadSettings
from bert_runtime.text import Pieces

CASES = json.loads((Path(__file__).parents[2] / "cases/token_classification.json").read_text("utf-8"))["tags"]
KINDS = ("PER", "LOC")
SCHEMES = {
    # name: (first of several, inside, last of several, single)
    "IOB2": "BIIB",
    "IOE2": "IIEE",
    "IOBES": "BIES",
    "BILOU": "BILU",
    "BMES": "BMES",
    "BMEWO": "BMEW",
}
FORMS = ("{letter}-{kind}", "{letter}_{kind}", "{kind}-{letter}", "{kind}_{letter}")
Span = tuple[str, int, int]


def labels_of(letters: str, form: str = FORMS[0]) -> list[str]:
    return ["O", *(form.format(letter=letter, kind=kind) for kind in KINDS for letter in dict.fromkeys(letters))]


def found(labels: Sequence[str], sequence: Sequence[str]) -> set[Span]:
    """The entities of a text of one-character words that the model is sure of."""
    count, places = len(sequence), np.arange(len(sequence))
    logits = np.zeros((count, len(labels)), np.float32)
    logits[places, [labels.index(tag) for tag in sequence]] = 40
    pieces = Pieces(np.zeros(count, np.int64), np.stack([places, places + 1], axis=1), places)
    answer = entities("x" * count, pieces, logits, read_tags(labels), "simple")
    return {(entity.label, entity.start, entity.end) for entity in answer if entity.label != "O"}


def valid(chance: random.Random, scheme: str, form: str = FORMS[0], length: int = 30) -> tuple[list[str], set[Span]]:
    """A sequence that the scheme allows, and its entities."""
    first, inside, last, single = tuple(SCHEMES[scheme])
    sequence: list[str] = []
    spans: set[Span] = set()
    while len(sequence) < length:
        if chance.random() < 0.4:
            sequence.append("O")
            continue
        kind, size, start = chance.choice(KINDS), chance.choice([1, 1, 2, 3, 4]), len(sequence)
        letters = single if size == 1 else first + inside * (size - 2) + last
        sequence += [form.format(letter=letter, kind=kind) for letter in letters]
        spans.add((kind, start, start + size))
    return sequence, spans


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_set_of_labels_is_read_as_the_tags_that_they_are(case: dict[str, Any]) -> None:
    tags = read_tags(case["labels"])
    assert [tag.label for tag in tags] == case["labels"]
    got = {tag.label: [tag.kind, tag.begins, tag.ends] for tag in tags if tag.kind != tag.label}
    assert got == case["tags"]
    assert all(tag == Tag(tag.label, tag.label) for tag in tags if tag.label not in got)


@pytest.mark.parametrize(
    ("scheme", "form"),
    # without a B, only forms with the letter in front are a scheme
    [(scheme, form) for scheme in SCHEMES for form in FORMS if scheme != "IOE2" or form.startswith("{letter}")],
)
def test_valid_sequences_give_their_entities(scheme: str, form: str) -> None:
    chance = random.Random(scheme + form)
    for _ in range(40):
        sequence, spans = valid(chance, scheme, form)
        assert found(labels_of(SCHEMES[scheme], form), sequence) == spans


@pytest.mark.parametrize("scheme", ["IOB2", "IOE2", "IOBES", "BILOU"])
def test_valid_sequences_give_what_seqeval_finds_in_its_strict_mode(scheme: str) -> None:
    chance = random.Random(scheme)
    for _ in range(60):
        sequence, _ = valid(chance, scheme)
        tokens = seqeval.scheme.Tokens(sequence, getattr(seqeval.scheme, scheme))
        expected = {(entity.tag, entity.start, entity.end) for entity in tokens.entities}
        assert found(labels_of(SCHEMES[scheme]), sequence) == expected


@pytest.mark.parametrize(
    ("letters", "as_seqeval"), [("BI", "BI"), ("BIES", "BIES"), ("BILU", "BIES"), ("BMES", "BIES")]
)
def test_wrong_sequences_give_what_seqeval_finds(letters: str, as_seqeval: str) -> None:
    """Its usual mode knows the letters B, I, E and S."""
    chance, labels = random.Random(letters), labels_of(letters)
    theirs = dict(zip(labels, labels_of(as_seqeval), strict=True))
    for _ in range(150):
        sequence = chance.choices(labels, k=25)
        expected = {(kind, start, end + 1) for kind, start, end in get_entities([theirs[tag] for tag in sequence])}
        assert found(labels, sequence) == expected


@pytest.mark.parametrize("letters", ["BI", "IE", "BIES", "BILU", "BMES", "BMEW", "BIE"])
def test_wrong_sequences_follow_the_rules_word_by_word(letters: str) -> None:
    chance, labels = random.Random(letters), labels_of(letters)
    for _ in range(150):
        sequence = chance.choices(labels, k=25)
        cuts = [0]
        for i in range(1, len(sequence)):
            (before, _, kind_before), (letter, _, kind) = sequence[i - 1].partition("-"), sequence[i].partition("-")
            continues = letter in "IMEL" and before not in "OELSUW" and kind == kind_before
            cuts += [] if continues else [i]
        spans = zip(cuts, [*cuts[1:], len(sequence)], strict=True)
        expected = {(sequence[start][2:], start, end) for start, end in spans if sequence[start] != "O"}
        assert found(labels, sequence) == expected


@pytest.mark.parametrize(
    ("labels", "named"),
    [
        (("O", "E-mail", "L-ocation", "B-cell"), "E-mail, L-ocation, B-cell"),
        (("O", "B-PER", "I-PER", "X-PER"), "X-PER"),
        (("O", "C-PER", "D-PER"), "C-PER, D-PER"),
        (("O", "START-PER", "END-PER"), "START-PER, END-PER"),
        (("O", "start-PER", "end-PER", "start-LOC", "end-LOC"), "start-PER, end-PER, start-LOC, end-LOC"),
        (("O", "START-PER", "END-PER", "START-LOC", "END-LOC"), "START-PER, END-PER, START-LOC, END-LOC"),
    ],
)
def test_labels_that_look_like_tags_of_no_scheme_are_named(labels: tuple[str, ...], named: str) -> None:
    (remark,) = remarks(HeadSettings(labels=labels))
    assert f"(BIO, BIOES, BILOU, BMES, BMEWO, IOE): {named}; they are read as in IO" in remark


@pytest.mark.parametrize(
    "labels",
    [
        ("O", "PER", "LOC"),
        ("O", "B-PER", "I-PER", "DATE-TIME"),
        ("O", "B-PER", "E-PER", "I-PER", "S-PER"),
        ("negative", "positive"),
        ("person-name", "city-name", "O"),
    ],
)
def test_other_labels_need_no_remark(labels: tuple[str, ...]) -> None:
    assert not list(remarks(HeadSettings(labels=labels)))
