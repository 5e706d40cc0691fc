"""Sentence vectors: Spearman's correlation of their cosines with gold scores, as for STS; cosine to another variant's.

A gold score belongs to two texts, and a line holds one: the two lines of a pair carry the same `pair` and `score`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bert_calibration.quality.divergence import of_vectors
from bert_calibration.quality.metric import Measure, Metric, Rows, column, mean, table
from bert_calibration.quality.regression import spearman
from bert_runtime.json_record import Record
from bert_runtime.tasks.feature_extraction import FeatureExtractionRequest, FeatureExtractionResult
from bert_runtime.tasks.task import FloatArray, HeadSettings


@dataclass(frozen=True)
class PairScore:
    """Which pair a text belongs to, and how alike the two are said to be."""

    pair: str
    score: float


def read(record: Record, request: FeatureExtractionRequest, settings: HeadSettings) -> PairScore:
    """`pair`: a string or an integer that two lines share; `score`: a number, the same on both."""
    pair = record.value("pair", lambda value: _is(value, int | str), "a string or an integer", "")
    return PairScore(str(pair), float(record.value("score", lambda value: _is(value, int | float), "a number", 0.0)))


def _is(value: object, kinds: object) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)  # type: ignore[arg-type]  # a union of types


def check(golds: Sequence[PairScore]) -> list[str]:
    """What is wrong with the pairs: not two lines, or two scores."""
    lines = Counter(gold.pair for gold in golds)
    scores = Counter(gold.pair for gold in set(golds))
    problems = [f"the pair {pair!r} stands on {n} lines, expected 2" for pair, n in lines.items() if n != 2]
    return problems + [f"the pair {pair!r} has two scores, expected one" for pair, n in scores.items() if n > 1]


def cosine(one: FloatArray, other: FloatArray) -> float:
    """The cosine of two vectors of shape (hidden,); 0 where either is zero."""
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / length if length else 0.0


def _pairs(results: Sequence[FeatureExtractionResult], golds: Sequence[PairScore]) -> Iterator[tuple[float, float]]:
    waiting: dict[str, FloatArray] = {}
    for result, gold in zip(results, golds, strict=True):
        if gold.pair in waiting:
            yield cosine(waiting.pop(gold.pair), result.vector), gold.score
        else:
            waiting[gold.pair] = result.vector


def _similarities(results: Sequence[FeatureExtractionResult], golds: Sequence[PairScore]) -> Rows:
    return table(list(_pairs(results, golds)), 2)


def _cosines(results: Sequence[FeatureExtractionResult], others: Sequence[FeatureExtractionResult]) -> Rows:
    return column([cosine(one.vector, other.vector) for one, other in zip(results, others, strict=True)])


FEATURE_EXTRACTION_QUALITY: Measure[FeatureExtractionResult, PairScore] = Measure(
    keys=("pair", "score"),
    read=read,
    metrics=(Metric("Spearman of cosines", _similarities, lambda rows: spearman(rows[:, 0], rows[:, 1])),),
    alike=Metric("mean cosine", _cosines, mean),
    divergence=of_vectors,
    check=check,
    units=lambda golds: [gold.pair for gold in golds],
)
