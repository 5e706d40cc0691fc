"""Text generation: no gold, since many continuations are right; only whether two variants write the same."""

from __future__ import annotations

from collections.abc import Sequence

from bert_calibration.quality.divergence import of_labels
from bert_calibration.quality.metric import Measure, Metric, Rows, column, mean
from bert_runtime.json_record import Record
from bert_runtime.tasks.task import HeadSettings
from bert_runtime.tasks.text_generation import TextGenerationRequest, TextGenerationResult


def read(record: Record, request: TextGenerationRequest, settings: HeadSettings) -> None:
    """Nothing: no key makes a line labelled."""


def _texts(result: TextGenerationResult) -> list[str]:
    return [sequence.text for sequence in result.sequences]


def _same(results: Sequence[TextGenerationResult], others: Sequence[TextGenerationResult]) -> Rows:
    return column([float(_texts(one) == _texts(other)) for one, other in zip(results, others, strict=True)])


TEXT_GENERATION_QUALITY: Measure[TextGenerationResult, None] = Measure(
    keys=(),
    read=read,
    metrics=(),
    alike=Metric("same texts", _same, mean),
    divergence=of_labels,
)
