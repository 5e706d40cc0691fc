"""fill-mask: how many of the masked words are the best candidate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bert_calibration.quality.divergence import of_labels
from bert_calibration.quality.metric import Measure, Metric, Rows, column, mean, ratio, table
from bert_runtime.json_record import Record
from bert_runtime.tasks.fill_mask import FillMaskRequest, FillMaskResult
from bert_runtime.tasks.masks import MaskResult
from bert_runtime.tasks.task import HeadSettings

Words = tuple[str, ...]
"""The entry of the vocabulary behind each mask, in the order of the text."""

MASK = "[MASK]"  # the runtime's tokenizer knows no other


def read(record: Record, request: FillMaskRequest, settings: HeadSettings) -> Words:
    """`words`: for each mask of the text the vocabulary's entry that it hides."""
    return read_words(record, "words", request.text)


def read_words(record: Record, key: str, text: str) -> Words:
    """The list of words under `key`, one for each mask of `text`."""
    count = text.count(MASK)
    expected = f"a list of {count} strings, one for each {MASK}"
    nothing: list[str] = []
    return tuple(record.value(key, lambda value: _are_words(value, count), expected, nothing))


def _are_words(value: object, count: int) -> bool:
    return isinstance(value, list) and len(value) == count and all(isinstance(word, str) for word in value)


def best(masks: Iterable[MaskResult]) -> Words:
    """The best candidate of each mask."""
    return tuple(mask.candidates[0].token for mask in masks)


def hits(found: Sequence[Words], golds: Sequence[Words]) -> Rows:
    """(right words, words) of each sample that has any."""
    pairs = [(one, gold) for one, gold in zip(found, golds, strict=True) if gold]
    return table([(sum(a == b for a, b in zip(one, gold, strict=True)), len(gold)) for one, gold in pairs], 2)


def _hits(results: Sequence[FillMaskResult], golds: Sequence[Words]) -> Rows:
    return hits([best(result.masks) for result in results], golds)


def _same(results: Sequence[FillMaskResult], others: Sequence[FillMaskResult]) -> Rows:
    return column([float(best(a.masks) == best(b.masks)) for a, b in zip(results, others, strict=True)])


FILL_MASK_QUALITY: Measure[FillMaskResult, Words] = Measure(
    keys=("words",),
    read=read,
    metrics=(Metric("masked-word accuracy", _hits, ratio),),
    alike=Metric("same best words", _same, mean),
    divergence=of_labels,
)
