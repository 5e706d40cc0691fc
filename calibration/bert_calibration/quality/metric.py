"""What a metric is: numbers for each sample, one figure of them all, and how sure that figure is."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from bert_calibration.quality.divergence import Divergence
from bert_calibration.quality.interval import CONFIDENCE, clopper_pearson, unseen
from bert_runtime.json_record import Record
from bert_runtime.tasks.task import HeadSettings
from bert_runtime.text import TextEncoder

Rows = NDArray[np.float64]
GoldT = TypeVar("GoldT")
ResultT = TypeVar("ResultT")

RESAMPLES = 1000


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


def _any(gold: object, request: object, text: TextEncoder) -> Sequence[str]:
    return ()


def _each(golds: Sequence[object]) -> Sequence[Hashable]:
    return range(len(golds))


@dataclass(frozen=True)
class Probe(Generic[ResultT, GoldT]):
    """A finer metric, for heads whose own metric is too near to 0 to lose anything.

    Attributes:
        ask: from a request, its gold and the tokenizer to the request whose answer the metric reads; None where the
            gold cannot be asked for.
        metric: of these answers.
        chance: the metric of a head that knows nothing.
    """

    ask: Callable[[Any, GoldT, TextEncoder], Any | None]
    metric: Metric[ResultT, GoldT]
    chance: Callable[[TextEncoder], float]


@dataclass(frozen=True)
class Measure(Generic[ResultT, GoldT]):
    """How good one kind of head is, and how alike two variants of it answer.

    Attributes:
        keys: the keys of a labelled line beside the request's fields; a line with any of them is labelled.
        read: the gold of a labelled line: a Record of just these keys, the line's request, the bundle's settings; what
            is wrong goes to the record's problems.
        metrics: the head's own first, which an accuracy constraint is about.
        alike: compares the decoded answers of two variants; the second takes the place of the gold.
        divergence: how far the outputs of two variants are apart, position by position.
        check: what is wrong with the golds of a file as a whole.
        fits: what is wrong with a gold beside its request as the tokenizer reads it.
        units: which unit each gold belongs to: samples of one unit are counted together, and stay together.
        probe: what judges where the head's own metric cannot.
    """

    keys: tuple[str, ...]
    read: Callable[[Record, Any, HeadSettings], GoldT]
    metrics: tuple[Metric[ResultT, GoldT], ...]
    alike: Metric[ResultT, ResultT]
    divergence: Divergence
    check: Callable[[Sequence[GoldT]], Sequence[str]] = _nothing
    fits: Callable[[GoldT, Any, TextEncoder], Sequence[str]] = _any
    units: Callable[[Sequence[GoldT]], Sequence[Hashable]] = _each
    probe: Probe[ResultT, GoldT] | None = None


@dataclass(frozen=True)
class Quality:
    """A metric's value with its 95% interval over `samples` units.

    A share of right answers has the exact interval of Clopper and Pearson, other figures that of the bootstrap
    (percentiles; Efron and Tibshirani 1993). Where no resample differs from another, which says that these samples are
    alike and not that all are, the share of texts that they leave unseen makes the interval.
    """

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
    value. Samples without a change are no proof that none changes: of a mean or a ratio of counts the interval is never
    narrower than the share of texts that these samples leave unseen.
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
    value, number = metric.statistic(rows), len(rows)
    if metric.statistic is mean and np.isin(rows, (0, 1)).all():
        return Quality(metric.name, value, *clopper_pearson(int(rows.sum()), number), number)
    low, high = _interval([metric.statistic(rows[chosen]) for chosen in _resamples(number, seed)])
    if low == high:
        rest = unseen(number)
        low, high = low - rest * abs(low), high + rest * (1 - abs(high))
    return Quality(metric.name, value, low, high, number)


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
    value, number = metric.statistic(mine) - metric.statistic(theirs), len(mine)
    low, high = _interval(drawn)
    if low == high or metric.statistic in (mean, ratio, f1):
        low, high = min(low, value - unseen(number)), max(high, value + unseen(number))
    return Difference(metric.name, value, low, high, number)


def mean(rows: Rows) -> float:
    """The mean of the one column."""
    return float(rows[:, 0].mean())


def ratio(rows: Rows) -> float:
    """The sum of the first column over that of the second; 0 where both are 0."""
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
