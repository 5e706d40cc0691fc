"""Next sentence: how often the head is right about whether the second text follows the first."""

from __future__ import annotations

from collections.abc import Sequence

from bert_calibration.quality.divergence import of_labels
from bert_calibration.quality.metric import Measure, Metric, Rows, column, mean
from bert_runtime.json_record import Record
from bert_runtime.tasks.next_sentence_prediction import NextSentencePredictionRequest, NextSentencePredictionResult
from bert_runtime.tasks.task import HeadSettings


def read(record: Record, request: NextSentencePredictionRequest, settings: HeadSettings) -> bool:
    """`is_next`: true or false."""
    return record.boolean("is_next")


def _right(results: Sequence[NextSentencePredictionResult], golds: Sequence[bool]) -> Rows:
    return column([float(result.is_next == gold) for result, gold in zip(results, golds, strict=True)])


def _same(results: Sequence[NextSentencePredictionResult], others: Sequence[NextSentencePredictionResult]) -> Rows:
    return _right(results, [other.is_next for other in others])


NEXT_SENTENCE_QUALITY: Measure[NextSentencePredictionResult, bool] = Measure(
    keys=("is_next",),
    read=read,
    metrics=(Metric("next-sentence accuracy", _right, mean),),
    alike=Metric("same verdict", _same, mean),
    divergence=of_labels,
)
