"""Regression: Pearson's and Spearman's correlation with the gold values; the labels' mean where there are several."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bert_calibration.quality.divergence import of_values
from bert_calibration.quality.metric import Measure, Metric, Rows, table
from bert_runtime.json_record import Record
from bert_runtime.tasks.task import HeadSettings
from bert_runtime.tasks.text_classification import RegressionResult, TextClassificationRequest

Values = tuple[float, ...]
"""One value for each label, in the order of the bundle's labels."""


def read(record: Record, request: TextClassificationRequest, settings: HeadSettings) -> Values:
    """`label`: a number; a list of them, in the order of the labels, where the head gives several."""
    count = len(settings.labels)
    wanted = "a number" if count == 1 else f"a list of {count} numbers, for {', '.join(settings.labels)}"
    found = record.value("label", lambda value: _are_numbers(value, count), wanted, [0.0] * count)
    return tuple(map(float, found if isinstance(found, list) else [found]))


def _are_numbers(value: object, count: int) -> bool:
    numbers = value if isinstance(value, list) else [value]
    return len(numbers) == count and all(_is_number(number) for number in numbers)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def pearson(one: Rows, other: Rows) -> float:
    """Pearson's correlation of two arrays of shape (samples,); 0 where either is constant."""
    one, other = one - one.mean(), other - other.mean()
    spread = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) / spread if spread else 0.0


def spearman(one: Rows, other: Rows) -> float:
    """Pearson's correlation of the ranks, where equal values share the mean of theirs."""
    return pearson(ranks(one), ranks(other))


def ranks(values: Rows) -> Rows:
    """The rank of each value from 1, the mean rank for equal ones."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    mean_rank: Rows = (last - (counts - 1) / 2)[place]
    return mean_rank


def values(result: RegressionResult) -> Values:
    """The numbers of an answer."""
    return tuple(value.value for value in result.values)


def _pairs(results: Sequence[RegressionResult], golds: Sequence[Values]) -> Rows:
    """All predictions, then all golds, of one sample in a row."""
    rows = [(*values(result), *gold) for result, gold in zip(results, golds, strict=True)]
    return table(rows, len(rows[0]) if rows else 2)


def _same(results: Sequence[RegressionResult], others: Sequence[RegressionResult]) -> Rows:
    return _pairs(results, [values(other) for other in others])


def _mean_pearson(rows: Rows) -> float:
    predicted, gold = np.split(rows, 2, axis=1)
    return float(np.mean([pearson(one, other) for one, other in zip(predicted.T, gold.T, strict=True)]))


def _mean_spearman(rows: Rows) -> float:
    predicted, gold = np.split(rows, 2, axis=1)
    return float(np.mean([spearman(one, other) for one, other in zip(predicted.T, gold.T, strict=True)]))


REGRESSION_QUALITY: Measure[RegressionResult, Values] = Measure(
    keys=("label",),
    read=read,
    metrics=(Metric("Pearson", _pairs, _mean_pearson), Metric("Spearman", _pairs, _mean_spearman)),
    alike=Metric("Pearson with the reference", _same, _mean_pearson),
    divergence=of_values,
)
