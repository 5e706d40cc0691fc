"""Whether two decoded answers are the same: equal in everything but the last digits of their scores."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np


def same_answer(one: object, other: object, tolerance: float) -> bool:
    """Whether two results agree: floats and arrays within `tolerance`, everything else exactly.

    Ranked candidates whose scores lie within `tolerance` of each other are a tie, and a tie may come in either order:
    a different candidate at a rank is accepted only where the rank's score is tied with a neighbour's or is the last.
    """
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= tolerance
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.shape == other.shape and bool(np.all(np.abs(one - other) <= tolerance))
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and _same_ranks(one, other, tolerance)
    if dataclasses.is_dataclass(one) and type(one) is type(other):
        names = [field.name for field in dataclasses.fields(one)]
        return all(same_answer(getattr(one, name), getattr(other, name), tolerance) for name in names)
    return type(one) is type(other) and one == other


def _same_ranks(one: Sequence[object], other: Sequence[object], tolerance: float) -> bool:
    scores = [(_score(a), _score(b)) for a, b in zip(one, other, strict=True)]
    for rank, (a, b) in enumerate(zip(one, other, strict=True)):
        if same_answer(a, b, tolerance):
            continue
        mine, theirs = scores[rank]
        if mine is None or theirs is None or abs(mine - theirs) > tolerance:
            return False
        neighbours = [scores[r][0] for r in (rank - 1, rank + 1) if 0 <= r < len(scores)]
        tied = any(score is not None and abs(score - mine) <= 2 * tolerance for score in neighbours)
        if not tied and not (rank == len(scores) - 1 and rank > 0):
            return False
    return True


def _score(item: object) -> float | None:
    score = getattr(item, "score", None)
    return score if isinstance(score, float) else None
