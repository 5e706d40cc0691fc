"""Token classification: entity F1 as seqeval and the CoNLL-2003 evaluation define it.

An entity is right when its label, its start and its end are; precision and recall are counted over all entities of all
texts. Boundaries are characters of the text, so that the figure does not depend on how a tokenizer splits words.
"""

from __future__ import annotations

from collections.abc import Sequence

from bert_calibration.quality.divergence import of_labels
from bert_calibration.quality.metric import Measure, Metric, Rows, column, f1, mean, table
from bert_runtime.json_record import Record
from bert_runtime.tasks.tag_scheme import read_tags
from bert_runtime.tasks.task import HeadSettings
from bert_runtime.tasks.token_classification import TokenClassificationRequest, TokenClassificationResult

Spans = frozenset[tuple[str, int, int]]
"""Entities as (label, first, one past the last character)."""


def read(record: Record, request: TokenClassificationRequest, settings: HeadSettings) -> Spans:
    """`entities`: objects with `start` and `end` in characters of the text and a `label` without its tag's letter."""
    if request.aggregation == "none":
        record.problems.append(
            "aggregation is none, expected simple, first, average or max: gold entities are whole, not tokens"
        )
    labels = dict.fromkeys(tag.kind for tag in read_tags(settings.labels))
    spans = []
    for entity in record.records("entities"):
        start = entity.integer("start", 0, max(len(request.text) - 1, 0))
        end = entity.integer("end", start + 1, max(len(request.text), start + 1))
        spans.append((entity.choice("label", labels), start, end))
    return frozenset(spans)


def spans(result: TokenClassificationResult) -> Spans:
    """The entities of an answer."""
    return frozenset((entity.label, entity.start, entity.end) for entity in result.entities)


def _counts(results: Sequence[TokenClassificationResult], golds: Sequence[Spans]) -> Rows:
    pairs = [(spans(result), gold) for result, gold in zip(results, golds, strict=True)]
    return table([(len(found & gold), len(found), len(gold)) for found, gold in pairs], 3)


def _same(results: Sequence[TokenClassificationResult], others: Sequence[TokenClassificationResult]) -> Rows:
    return column([float(spans(one) == spans(other)) for one, other in zip(results, others, strict=True)])


TOKEN_CLASSIFICATION_QUALITY: Measure[TokenClassificationResult, Spans] = Measure(
    keys=("entities",),
    read=read,
    metrics=(Metric("entity F1", _counts, f1),),
    alike=Metric("same entities", _same, mean),
    divergence=of_labels,
)
