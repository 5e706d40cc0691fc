"""Both pretraining heads: masked words, and the next sentence where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bert_calibration.quality.divergence import of_labels
from bert_calibration.quality.masked_words import Words, best, hits, number_problems, read_words
from bert_calibration.quality.metric import Measure, Metric, Rows, column, mean, ratio
from bert_runtime.json_record import Record
from bert_runtime.tasks.pretraining import PretrainingRequest, PretrainingResult
from bert_runtime.tasks.task import HeadSettings
from bert_runtime.text import TextEncoder


@dataclass(frozen=True)
class PretrainingGold:
    """The words behind the masks of both texts, in order, and whether the second follows; None for what was not
    given."""

    words: Words | None
    is_next: bool | None


def read(record: Record, request: PretrainingRequest, settings: HeadSettings) -> PretrainingGold:
    """`words` for the masks of text and next_text together, in this order; `is_next` where there is a next_text."""
    words = read_words(record) if record.has("words") else None
    if not record.has("is_next"):
        return PretrainingGold(words, None)
    if request.next_text is None:
        record.problems.append("is_next is given without a next_text; add the text that may follow, or leave it out")
    return PretrainingGold(words, record.boolean("is_next"))


def words(result: PretrainingResult) -> Words:
    """The best candidate of each mask of both texts."""
    return best((*result.masks, *result.next_masks))


def _fits(gold: PretrainingGold, request: PretrainingRequest, text: TextEncoder) -> Sequence[str]:
    if gold.words is None:
        return ()
    return number_problems(gold.words, [request.text, request.next_text or ""], text)


def _hits(results: Sequence[PretrainingResult], golds: Sequence[PretrainingGold]) -> Rows:
    given = [(words(result), gold.words) for result, gold in zip(results, golds, strict=True) if gold.words]
    return hits([found for found, _ in given], [gold for _, gold in given])


def _right(results: Sequence[PretrainingResult], golds: Sequence[PretrainingGold]) -> Rows:
    pairs = [(result, gold) for result, gold in zip(results, golds, strict=True) if gold.is_next is not None]
    return column([float(result.is_next == gold.is_next) for result, gold in pairs])


def _same(results: Sequence[PretrainingResult], others: Sequence[PretrainingResult]) -> Rows:
    pairs = zip(results, others, strict=True)
    return column([float(words(a) == words(b) and a.is_next == b.is_next) for a, b in pairs])


PRETRAINING_QUALITY: Measure[PretrainingResult, PretrainingGold] = Measure(
    keys=("words", "is_next"),
    read=read,
    metrics=(Metric("masked-word accuracy", _hits, ratio), Metric("next-sentence accuracy", _right, mean)),
    alike=Metric("same best words and verdict", _same, mean),
    divergence=of_labels,
    fits=_fits,
)
