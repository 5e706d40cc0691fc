"""Text classification with one label, as of a cross-encoder: average precision where golds are 0 or 1, correlations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bert_calibration.quality.divergence import of_values
from bert_calibration.quality.metric import Measure, Metric, Rows, table
from bert_calibration.quality.regression import pearson, spearman
from bert_runtime.json_record import Record
from bert_runtime.tasks.task import HeadSettings
from bert_runtime.tasks.text_classification import SingleLabelResult, TextClassificationRequest


def read(record: Record, request: TextClassificationRequest, settings: HeadSettings) -> float:
    """`label`: a number, the higher the better the label fits; false and true count as 0 and 1."""
    return float(record.value("label", lambda value: isinstance(value, int | float), "a number, or true or false", 0.0))


def average_precision(scores: Rows, golds: Rows) -> float:
    """The mean precision at the rank of each gold of 1, equal scores sharing one rank; 0 where there is none.

    Source: Manning, Raghavan and Schuetze 2008, section 8.4, as scikit-learn's average_precision_score counts ties.
    """
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(golds[order])
    last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    found = np.diff(right[last], prepend=0.0)
    return float((found * right[last] / (last + 1)).sum() / right[-1]) if right[-1] else 0.0


def score(result: SingleLabelResult) -> float:
    """The number of an answer."""
    return result.labels[0].score


def _pairs(results: Sequence[SingleLabelResult], golds: Sequence[float]) -> Rows:
    return table([(score(result), gold) for result, gold in zip(results, golds, strict=True)], 2)


def _binary_pairs(results: Sequence[SingleLabelResult], golds: Sequence[float]) -> Rows:
    """Nothing unless every gold is 0 or 1, and both are there."""
    return _pairs(results, golds) if set(golds) == {0.0, 1.0} else table([], 2)


def _same(results: Sequence[SingleLabelResult], others: Sequence[SingleLabelResult]) -> Rows:
    return _pairs(results, [score(other) for other in others])


def _average_precision(rows: Rows) -> float:
    return average_precision(rows[:, 0], rows[:, 1])


def _pearson(rows: Rows) -> float:
    return pearson(rows[:, 0], rows[:, 1])


def _spearman(rows: Rows) -> float:
    return spearman(rows[:, 0], rows[:, 1])


ONE_LABEL_QUALITY: Measure[SingleLabelResult, float] = Measure(
    keys=("label",),
    read=read,
    metrics=(
        Metric("average precision", _binary_pairs, _average_precision),
        Metric("Pearson", _pairs, _pearson),
        Metric("Spearman", _pairs, _spearman),
    ),
    alike=Metric("Pearson with the reference", _same, _pearson),
    divergence=of_values,
)
