"""How narrow each sub-layer gets: the least loss within a time, by dynamic programming over sub-layers.

As in ZipLM (Kurtic et al. 2023, arXiv 2302.04089) and SPDY (Frantar and Alistarh 2022), each sub-layer has a list of
options with a time and a loss of its own, and exactly one of each list is chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STEPS = 4000
"""Into so many equal parts the time is divided."""


@dataclass(frozen=True)
class Choice:
    """One width of one sub-layer: what it takes, and what it loses."""

    width: int
    seconds: float
    loss: float


def allocate(sublayers: Sequence[Sequence[Choice]], seconds: float, steps: int = STEPS) -> list[Choice] | None:
    """One choice for each sub-layer: the least sum of losses with a sum of times within `seconds`; None where none is.

    Times are rounded up to a part of `seconds`, so that no result takes longer than asked.
    """
    if seconds <= 0:
        return None
    best = np.full(steps + 1, np.inf)
    best[0] = 0.0
    taken: list[NDArray[np.intp]] = []
    for choices in sublayers:
        best, which = _with_one_more(best, choices, seconds / steps)
        taken.append(which)
    place = int(np.argmin(best))
    if not np.isfinite(best[place]):
        return None
    found: list[Choice] = []
    for choices, which in zip(reversed(sublayers), reversed(taken), strict=True):
        choice = choices[which[place]]
        found.append(choice)
        place -= _parts(choice, seconds / steps)
    return found[::-1]


def _with_one_more(
    best: NDArray[np.float64], choices: Sequence[Choice], part: float
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """The least loss for each number of parts, with one more sub-layer, and which of its choices gives it."""
    table = np.full((len(choices), len(best)), np.inf)
    for row, choice in zip(table, choices, strict=True):
        parts = _parts(choice, part)
        if parts < len(best):
            row[parts:] = best[: len(best) - parts] + choice.loss
    which = table.argmin(axis=0)
    return table[which, np.arange(len(best))], which


def _parts(choice: Choice, part: float) -> int:
    return int(np.ceil(choice.seconds / part - 1e-9))
