"""Two answers are the same when a reader would say so: ties and last digits do not count, all else does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from bert_export.verify.answers import same_answer

TOLERANCE = 1e-4


@dataclass(frozen=True)
class Candidate:
    token: str
    score: float


@dataclass(frozen=True)
class Named:
    name: str
    value: float


@dataclass(frozen=True)
class Mask:
    start: int
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True)
class Answer:
    masks: tuple[Mask, ...]
    truncated: bool


def same(one: object, other: object) -> bool:
    assert same_answer(one, other, TOLERANCE) == same_answer(other, one, TOLERANCE)
    return same_answer(one, other, TOLERANCE)


def ranked(**scores: float) -> tuple[Candidate, ...]:
    return tuple(Candidate(token, score) for token, score in scores.items())


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (0.5, 0.50009, True),
        (0.5, 0.5002, False),
        (0.5, float("nan"), False),
        (3, 3, True),
        (3, 4, False),
        (True, 1, False),
        (None, None, True),
        (None, 0.0, False),
        ("a", "b", False),
    ],
)
def test_floats_agree_within_the_tolerance_and_all_else_exactly(one: object, other: object, expected: bool) -> None:
    assert same(one, other) is expected


@pytest.mark.parametrize(
    ("other", "expected"),
    [([1, 2.00009], True), ([1, 2.0002], False), ([1, np.nan], False), ([1, 2, 3], False), ([[1, 2]], False)],
)
def test_arrays_agree_in_shape_and_every_number(other: list[float], expected: bool) -> None:
    assert same(np.array([1.0, 2.0]), np.array(other)) is expected


def test_nested_answers_agree_in_every_field() -> None:
    def answer(start: int, score: float, truncated: bool = False) -> Answer:
        return Answer((Mask(start, ranked(good=score, bad=0.1)),), truncated)

    assert same(answer(3, 0.5), answer(3, 0.50009))
    assert not same(answer(3, 0.5), answer(4, 0.5))
    assert not same(answer(3, 0.5), answer(3, 0.6))
    assert not same(answer(3, 0.5), answer(3, 0.5, truncated=True))
    assert not same(Candidate("a", 0.5), Named("a", 0.5))


def test_a_tie_may_come_in_either_order() -> None:
    assert same(ranked(a=0.9, b=0.05, c=0.05), ranked(a=0.9, c=0.05, b=0.05))
    assert same(ranked(a=0.4, b=0.4, c=0.2), ranked(b=0.4, a=0.4, c=0.2))


def test_candidates_that_are_no_tie_must_come_in_order() -> None:
    assert not same(ranked(a=0.6, b=0.3), ranked(b=0.6, a=0.3))
    assert not same(ranked(a=0.5, b=0.3, c=0.2), ranked(a=0.5, d=0.3, c=0.2))


def test_the_last_candidate_may_be_another_that_is_as_good() -> None:
    assert same(ranked(a=0.6, b=0.1), ranked(a=0.6, c=0.10005))
    assert not same(ranked(a=0.6, b=0.1), ranked(a=0.6, c=0.11))


def test_a_missing_candidate_is_another_answer() -> None:
    assert not same(ranked(a=0.6, b=0.1), ranked(a=0.6))
    assert not same((), ranked(a=0.6))


def test_an_only_candidate_must_be_the_same() -> None:
    assert not same(ranked(a=0.6), ranked(b=0.6))


def test_things_without_a_score_have_no_ties() -> None:
    assert not same((Named("a", 0.5), Named("b", 0.5)), (Named("b", 0.5), Named("a", 0.5)))
    assert not same(("a", "b"), ("b", "a"))
