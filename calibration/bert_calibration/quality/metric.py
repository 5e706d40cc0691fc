"""What a metric is: numbers for each sample, one figure of them all, and how sure that figure is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from bert_runtime.json_record import Record
from bert_runtime.tasks.task import HeadSettings

Rows = NDArray[np.float64]
GoldT = TypeVar("GoldT")
ResultT = TypeVar("ResultT")

RESAMPLES = 1000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Metric(Generic[ResultT, GoldT]):
    """A figure of merit, the larger the better.

    Attributes:
        name: as the field writes it.
        rows: from results and golds to float of shape (units, columns). A unit is what the bootstrap draws: mostly a
            sample; samples that the metric says nothing about have no row.
        statistic: the figure that rows give, a fraction (0..1, correlations -1..1).
    """

    name: str
    rows: Callable[[Sequence[ResultT], Sequence[GoldT]], Rows]
    statistic: Callable[[Rows], float]


def _nothing(golds: Sequence[object]) -> Sequence[str]:
    return ()


@dataclass(frozen=True)
class Measure(Generic[ResultT, GoldT]):
    """How good one kind of head is, and how alike two variants of it answer.

    Attributes:
        keys: the keys of a labelled line beside the request's fields; a line with any of them is labelled.
        read: the gold of a labelled line: a Record of just these keys, the line's request, the bundle's settings; what
            is wrong goes to the record's problems.
        metrics: the head's own first, which an accuracy budget is about.
        alike: compares the decoded answers of two variants; the second takes the place of the gold.
        check: what is wrong with the golds of a file as a whole.
    """

    keys: tuple[str, ...]
    read: Callable[[Record, Any, HeadSettings], GoldT]
    metrics: tuple[Metric[ResultT, GoldT], ...]
    alike: Metric[ResultT, ResultT]
    check: Callable[[Sequence[GoldT]], Sequence[str]] = _nothing


@dataclass(frozen=True)
class Quality:
    """A metric's value with its 95% bootstrap interval over `samples` units."""

    metric: str
    value: float
    low: float
    high: float
    samples: int

    def includes(self, value: float) -> bool:
        """Whether `value` lies inside the interval: these samples then show no difference from it."""
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Difference(Quality):
    """A metric's change between two variants that answered the same samples, with its paired bootstrap interval.

    Pairing removes what makes one question harder than another, hence this interval is far narrower than that of either
    value.
    """

    @property
    def is_shown(self) -> bool:
        """Whether the interval leaves out zero; if not, these samples show no difference."""
        return not self.includes(0.0)


def evaluate(
    metric: Metric[ResultT, GoldT], results: Sequence[ResultT], golds: Sequence[GoldT], seed: int = 0
) -> Quality | None:
    """The metric over all samples; None where it says nothing about any of them."""
    rows = metric.rows(results, golds)
    if not len(rows):
        return None
    drawn = [metric.statistic(rows[chosen]) for chosen in _resamples(len(rows), seed)]
    return Quality(metric.name, metric.statistic(rows), *_interval(drawn), len(rows))


def difference(
    metric: Metric[ResultT, GoldT],
    results: Sequence[ResultT],
    reference: Sequence[ResultT],
    golds: Sequence[GoldT],
    seed: int = 0,
) -> Difference | None:
    """How much better `results` are than `reference` on the same samples (negative: a loss); None as in `evaluate`."""
    mine, theirs = metric.rows(results, golds), metric.rows(reference, golds)
    if not len(mine):
        return None
    drawn = [
        metric.statistic(mine[chosen]) - metric.statistic(theirs[chosen]) for chosen in _resamples(len(mine), seed)
    ]
    return Difference(metric.name, metric.statistic(mine) - metric.statistic(theirs), *_interval(drawn), len(mine))


def mean(rows: Rows) -> float:
    """The mean of the one column."""
    return float(rows[:, 0].mean())


def ratio(rows: Rows) -> float:
    """The sum of the first column over that of the second; 0 for nothing of nothing."""
    part, whole = rows.sum(axis=0).tolist()
    return part / whole if whole else 0.0


def f1(rows: Rows) -> float:
    """The harmonic mean of precision and recall, micro-averaged; columns: right, predicted, gold. 0 where all are 0."""
    right, predicted, gold = rows.sum(axis=0).tolist()
    return 2 * right / (predicted + gold) if predicted + gold else 0.0


def column(values: Sequence[float]) -> Rows:
    """One column of numbers as rows."""
    return np.array(values, dtype=np.float64).reshape(-1, 1)


def table(rows: Sequence[Sequence[float]], columns: int) -> Rows:
    """Rows of `columns` numbers, of the right shape where there is none."""
    return np.array(rows, dtype=np.float64).reshape(-1, columns)


def _resamples(size: int, seed: int) -> Sequence[NDArray[np.int64]]:
    """The rows of each resample: as many as there are, drawn with replacement (Efron and Tibshirani 1993)."""
    generator = np.random.default_rng(seed)
    return [generator.integers(0, size, size) for _ in range(RESAMPLES)]


def _interval(drawn: Sequence[float]) -> tuple[float, float]:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail]).tolist()
    return low, high
