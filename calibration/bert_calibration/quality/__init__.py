"""How good a head is, each kind by the metric of its field. To add one: its file here, and one line in MEASURES."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bert_calibration.quality.choice import MULTIPLE_CHOICE_QUALITY
from bert_calibration.quality.entities import TOKEN_CLASSIFICATION_QUALITY
from bert_calibration.quality.generated import TEXT_GENERATION_QUALITY
from bert_calibration.quality.labels import MULTI_LABEL_QUALITY, SINGLE_LABEL_QUALITY
from bert_calibration.quality.masked_words import FILL_MASK_QUALITY
from bert_calibration.quality.metric import Difference, Measure, Metric, Probe, Quality, difference, evaluate
from bert_calibration.quality.next_sentence import NEXT_SENTENCE_QUALITY
from bert_calibration.quality.one_label import ONE_LABEL_QUALITY
from bert_calibration.quality.pretraining import PRETRAINING_QUALITY
from bert_calibration.quality.question_answering import QUESTION_ANSWERING_QUALITY
from bert_calibration.quality.regression import REGRESSION_QUALITY
from bert_calibration.quality.vectors import FEATURE_EXTRACTION_QUALITY
from bert_runtime.tasks.task import HeadSettings, Task

MEASURES: Mapping[str, Measure[Any, Any]] = {
    "question-answering": QUESTION_ANSWERING_QUALITY,
    "token-classification": TOKEN_CLASSIFICATION_QUALITY,
    "single_label_classification": SINGLE_LABEL_QUALITY,
    "one_label": ONE_LABEL_QUALITY,
    "multi_label_classification": MULTI_LABEL_QUALITY,
    "regression": REGRESSION_QUALITY,
    "multiple-choice": MULTIPLE_CHOICE_QUALITY,
    "fill-mask": FILL_MASK_QUALITY,
    "next-sentence-prediction": NEXT_SENTENCE_QUALITY,
    "pretraining": PRETRAINING_QUALITY,
    "text-generation": TEXT_GENERATION_QUALITY,
    "feature-extraction": FEATURE_EXTRACTION_QUALITY,
}
"""By problem type where a task has them, else by the task's name."""

_OF_ONE_LABEL = {"single_label_classification": "one_label"}
"""Where there is no choice between labels, the score is the answer."""


def measure_of(task: Task[Any, Any, Any], settings: HeadSettings) -> Measure[Any, Any]:
    """How a head's quality is measured."""
    kind = settings.problem_type or task.name
    return MEASURES[_OF_ONE_LABEL.get(kind, kind) if len(settings.labels) == 1 else kind]


def qualities(measure: Measure[Any, Any], results: Sequence[Any], golds: Sequence[Any]) -> tuple[Quality, ...]:
    """Every metric of the head that the golds allow, its own first."""
    found = (evaluate(metric, results, golds) for metric in measure.metrics)
    return tuple(quality for quality in found if quality is not None)


def agreement(measure: Measure[Any, Any], results: Sequence[Any], reference: Sequence[Any]) -> Quality:
    """How alike two variants of a head answer the same requests; needs no gold.

    Raises:
        ValueError: there are no results.
    """
    quality = evaluate(measure.alike, results, reference)
    if quality is None:
        raise ValueError("no results to compare; give at least one")
    return quality


__all__ = [
    "MEASURES",
    "Difference",
    "Measure",
    "Metric",
    "Probe",
    "Quality",
    "agreement",
    "difference",
    "evaluate",
    "measure_of",
    "qualities",
]
