"""From raw times to figures: medians, and speed-ups taken pair by pair so that a noisy moment hits both sides."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

Rounds = Sequence[Sequence[float]]
"""Milliseconds of each call, a list for each round."""


@dataclass(frozen=True)
class Ratio:
    """The median over rounds of one engine's speed-up, with its quartiles."""

    median: float
    low: float
    high: float


def typical(rounds: Rounds) -> float:
    """The median of the rounds' medians, in the unit of the times.

    Raises:
        ValueError: there is no round, or one without a call.
    """
    return statistics.median(_medians(rounds))


def spread(rounds: Rounds) -> tuple[float, float, float]:
    """The median and the quartiles of the rounds' medians, in the unit of the times.

    Raises:
        ValueError: there is no round, or one without a call.
    """
    return _quartiles(_medians(rounds))


def best(rounds: Rounds) -> float:
    """The fastest call of all: what the engine can do when nothing disturbs it."""
    return min(time for calls in rounds for time in calls)


def percentiles(rounds: Rounds) -> tuple[float, float, float]:
    """The 50th, 90th and 99th percentile of all calls of all rounds, each a time that a call took (nearest rank).

    Raises:
        ValueError: there is no round, or one without a call.
    """
    _medians(rounds)
    times = sorted(time for calls in rounds for time in calls)
    middle, late, last = (times[math.ceil(share * len(times) / 100) - 1] for share in (50, 90, 99))
    return middle, late, last


def speed_up(rounds: Rounds, baseline: Rounds) -> Ratio:
    """How many times faster than `baseline`: round n against round n, then the median and quartiles of the ratios.

    Raises:
        ValueError: the two have not the same number of rounds, or none.
    """
    pairs = zip(_medians(rounds), _medians(baseline), strict=True)
    ratios = [theirs / ours for ours, theirs in pairs]
    return Ratio(*_quartiles(ratios))


def _quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return middle, low, high


def _medians(rounds: Rounds) -> list[float]:
    if not rounds or not all(rounds):
        raise ValueError(
            f"got {[len(calls) for calls in rounds]} calls a round, expected at least one round of one call"
        )
    return [statistics.median(calls) for calls in rounds]


def shares(work: float, seconds: Sequence[float], peaks: Sequence[float]) -> list[float]:
    """What each round of `work` operations reached of the peak around it, in 1e12 operations a second."""
    return [work / each / 1e12 / most for each, most in zip(seconds, peaks, strict=True)]
