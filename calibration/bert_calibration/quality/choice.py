"""Multiple choice: how often the right one is chosen."""

from __future__ import annotations

from collections.abc import Sequence

from bert_calibration.quality.divergence import of_labels
from bert_calibration.quality.metric import Measure, Metric, Rows, column, mean
from bert_runtime.json_record import Record
from bert_runtime.tasks.multiple_choice import MultipleChoiceRequest, MultipleChoiceResult
from bert_runtime.tasks.task import HeadSettings


def read(record: Record, request: MultipleChoiceRequest, settings: HeadSettings) -> int:
    """`label`: the index of the right choice, from 0."""
    return record.integer("label", 0, len(request.choices) - 1)


def _right(results: Sequence[MultipleChoiceResult], golds: Sequence[int]) -> Rows:
    return column([float(result.choice == gold) for result, gold in zip(results, golds, strict=True)])


def _same(results: Sequence[MultipleChoiceResult], others: Sequence[MultipleChoiceResult]) -> Rows:
    return _right(results, [other.choice for other in others])


MULTIPLE_CHOICE_QUALITY: Measure[MultipleChoiceResult, int] = Measure(
    keys=("label",),
    read=read,
    metrics=(Metric("accuracy", _right, mean),),
    alike=Metric("same choice", _same, mean),
    divergence=of_labels,
)
