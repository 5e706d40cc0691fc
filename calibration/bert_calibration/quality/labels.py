"""Text classification with labels: accuracy where they exclude each other, micro F1 where they do not."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from bert_calibration.quality.divergence import of_each_label, of_labels
from bert_calibration.quality.metric import Measure, Metric, Rows, column, f1, mean, table
from bert_runtime.json_record import Record
from bert_runtime.tasks.task import HeadSettings
from bert_runtime.tasks.text_classification import MultiLabelResult, SingleLabelResult, TextClassificationRequest

LabelSet = frozenset[str]


def read_label(record: Record, request: TextClassificationRequest, settings: HeadSettings) -> str:
    """`label`: one of the bundle's."""
    return record.choice("label", settings.labels)


def read_labels(record: Record, request: TextClassificationRequest, settings: HeadSettings) -> LabelSet:
    """`label`: a list of the bundle's labels, perhaps an empty one."""
    known = ", ".join(settings.labels)
    nothing: list[str] = []
    fits = partial(_are_labels, settings=settings)
    return frozenset(record.value("label", fits, f"a list of labels out of {known}", nothing))


def _are_labels(value: object, settings: HeadSettings) -> bool:
    return isinstance(value, list) and all(isinstance(label, str) and label in settings.labels for label in value)


def names(result: MultiLabelResult) -> LabelSet:
    """The labels that reached the threshold."""
    return frozenset(label.label for label in result.labels)


def _right(results: Sequence[SingleLabelResult], golds: Sequence[str]) -> Rows:
    return column([float(result.labels[0].label == gold) for result, gold in zip(results, golds, strict=True)])


def _same(results: Sequence[SingleLabelResult], others: Sequence[SingleLabelResult]) -> Rows:
    return _right(results, [other.labels[0].label for other in others])


def _counts(results: Sequence[MultiLabelResult], golds: Sequence[LabelSet]) -> Rows:
    pairs = [(names(result), gold) for result, gold in zip(results, golds, strict=True)]
    return table([(len(found & gold), len(found), len(gold)) for found, gold in pairs], 3)


def _matches(results: Sequence[MultiLabelResult], golds: Sequence[LabelSet]) -> Rows:
    return column([float(names(result) == gold) for result, gold in zip(results, golds, strict=True)])


def _same_set(results: Sequence[MultiLabelResult], others: Sequence[MultiLabelResult]) -> Rows:
    return _matches(results, [names(other) for other in others])


SINGLE_LABEL_QUALITY: Measure[SingleLabelResult, str] = Measure(
    keys=("label",),
    read=read_label,
    metrics=(Metric("accuracy", _right, mean),),
    alike=Metric("same label", _same, mean),
    divergence=of_labels,
)
MULTI_LABEL_QUALITY: Measure[MultiLabelResult, LabelSet] = Measure(
    keys=("label",),
    read=read_labels,
    metrics=(Metric("micro F1", _counts, f1), Metric("exact match", _matches, mean)),
    alike=Metric("same labels", _same_set, mean),
    divergence=of_each_label,
)
