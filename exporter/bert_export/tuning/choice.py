"""Which candidate is chosen: the fastest, unless a more exact or simpler one is as fast as far as this machine can
tell.

Noise is what the rounds themselves say: the quartiles of ratios that were taken round by round. All rules are about
numbers alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

WORTH = 1.03
"""A candidate must be more than 3% faster to justify lower precision, another package, or an option that the user must
set."""

FINALISTS = 4
"""So many at most are loaded at the same time."""


@dataclass(frozen=True)
class Trial:
    """One candidate with a number of threads, timed in turns with the first of all.

    Attributes:
        name: the candidate's.
        rank: smaller for the more exact, then for the simpler; see CandidatePlan.
        threads: how many CPUs it had; all there are is the default, and simpler than any other number.
        ratio: how many times as fast as the first of all.
        is_eligible: whether it may win: its gates saw how well it answers.
    """

    name: str
    rank: tuple[int, int]
    threads: int
    ratio: Spread
    is_eligible: bool = True

    @property
    def order(self) -> tuple[int, int, int]:
        """Smaller is what wins of two that are equally fast."""
        return (*self.rank, -self.threads)

    @property
    def label(self) -> str:
        """In words."""
        return f"{self.name}, {self.threads} thread{'s' if self.threads > 1 else ''}"


@dataclass(frozen=True)
class Verdict:
    """The winner, why, in words, and who was in the final with it."""

    winner: Trial
    reason: str
    finalists: tuple[Trial, ...]


def is_slower(fewer: Spread, more: Spread) -> bool:
    """Whether fewer threads lost so clearly that yet fewer need not be tried."""
    return fewer.high * WORTH < more.low


def finalists(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """Those that may be the fastest: the best median, and all whose quartiles reach its own, give or take WORTH; of too
    many the most exact and simplest beside the best. Best first."""
    eligible = sorted(
        (trial for trial in trials if trial.is_eligible), key=lambda trial: (-trial.ratio.median, trial.order)
    )
    best = eligible[0]
    near = [trial for trial in eligible[1:] if trial.ratio.high * WORTH >= best.ratio.low]
    return (best, *sorted(near, key=lambda trial: trial.order)[: FINALISTS - 1])


def decide(final: Mapping[Trial, Sequence[float]], trials: Sequence[Trial]) -> Verdict:
    """The winner of finalists that took turns.

    The one with the least median time leads. It beats another if the lower quartile of how many times as fast it is,
    round by round, is above WORTH. Of those that it does not beat, itself among them, the most exact wins, of equally
    exact ones the simplest.

    Args:
        final: finalist -> seconds in each round, the same number of rounds for all; one alone needs none.
        trials: all of them, to name who came after a winner without a final.
    """
    times = {trial: Spread.of(seconds).median for trial, seconds in final.items() if seconds}
    if not times:
        (winner,) = final
        return Verdict(winner, _alone(winner, trials), (winner,))
    leader = min(final, key=lambda trial: (times[trial], trial.order))
    leads = {trial: Spread.of_ratios(final[trial], final[leader]) for trial in final if trial is not leader}
    equal = [leader, *(trial for trial, lead in leads.items() if lead.low <= WORTH)]
    winner = min(equal, key=lambda trial: trial.order)
    return Verdict(winner, _why(winner, leader, leads), tuple(final))


def _why(winner: Trial, leader: Trial, leads: Mapping[Trial, Spread]) -> str:
    if winner is leader:
        return f"it is {', '.join(f'{lead} as fast as {trial.label}' for trial, lead in leads.items())}"
    more = "more exact" if winner.rank[0] < leader.rank[0] else "simpler"
    return f"{leader.label} is {leads[winner]} as fast, not beyond noise and {WORTH - 1:.0%}: the {more} one wins"


def _alone(winner: Trial, trials: Sequence[Trial]) -> str:
    others = [trial for trial in trials if trial.is_eligible and trial is not winner]
    if not others:
        return "nothing else passed its gates"
    second = max(others, key=lambda trial: trial.ratio.median)
    return (
        f"no other comes near it: the next, {second.label}, is {second.ratio} as fast as the first, it {winner.ratio}"
    )


@dataclass(frozen=True)
class Spread:
    """The lower quartile, the median and the upper quartile."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Of one value or more."""
        return cls(*(float(value) for value in np.percentile(values, (25, 50, 75))))

    @classmethod
    def of_ratios(cls, ones: Sequence[float], others: Sequence[float]) -> Self:
        """Of one / other, round by round."""
        return cls.of([one / other for one, other in zip(ones, others, strict=True)])

    def __str__(self) -> str:
        return f"{self.median:.2f}x ({self.low:.2f} to {self.high:.2f})"
