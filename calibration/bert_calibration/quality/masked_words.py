"""fill-mask: how many of the masked words are the best candidate, and how probable these words are.

The second is the cross-entropy of masked language models (Devlin et al. 2019) with its sign turned, in nats: a loss of
0.02 raises the perplexity by 2%. It tells plans apart also where the best candidate is mostly wrong.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence

from bert_calibration.quality.divergence import of_labels
from bert_calibration.quality.metric import Measure, Metric, Probe, Rows, column, mean, ratio, table
from bert_runtime.json_record import Record
from bert_runtime.tasks.fill_mask import FillMaskRequest, FillMaskResult
from bert_runtime.tasks.mask_tokens import MaskResult, mask_indices
from bert_runtime.tasks.task import HeadSettings
from bert_runtime.text import TextEncoder

LEAST = 1e-30
"""Probabilities below this, which single precision cannot tell from 0, count as it."""

Words = tuple[str, ...]
"""The entry of the vocabulary behind each mask, in the order of the text."""


def read(record: Record, request: FillMaskRequest, settings: HeadSettings) -> Words:
    """`words`: for each mask of the text the vocabulary's entry that it hides."""
    return read_words(record)


def read_words(record: Record) -> Words:
    """The list of words under `words`."""
    nothing: list[str] = []
    return tuple(record.value("words", _are_words, "a list of strings, one for each mask", nothing))


def _are_words(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)


def number_problems(words: Words, texts: Iterable[str], text: TextEncoder) -> Sequence[str]:
    """The problem of more or fewer words than the tokenizer finds masks in all `texts`, if there is one."""
    masks = sum(len(mask_indices(text, text.pieces(each))) for each in texts)
    if masks == len(words):
        return ()
    return (f"words has {len(words)} strings, expected {masks}: one for each {text.mask_token} of the text",)


def _fits(words: Words, request: FillMaskRequest, text: TextEncoder) -> Sequence[str]:
    return number_problems(words, [request.text], text)


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


def _asking(request: FillMaskRequest, words: Words, text: TextEncoder) -> FillMaskRequest | None:
    """The request for the probabilities of these words; None where one of them is no entry of the vocabulary."""
    targets = tuple(dict.fromkeys(words))
    if not targets or any(text.token_id(word) is None for word in targets):
        return None
    return dataclasses.replace(request, targets=targets, top_k=len(targets))


def log_probability(result: FillMaskResult, words: Words) -> float:
    """The sum of the logarithms of each masked word's probability, in nats."""
    scores = [{each.token: each.score for each in mask.candidates} for mask in result.masks]
    return sum(math.log(max(found[word], LEAST)) for found, word in zip(scores, words, strict=True))


def _log_probabilities(results: Sequence[FillMaskResult], golds: Sequence[Words]) -> Rows:
    pairs = zip(results, golds, strict=True)
    return table([(log_probability(result, words), len(words)) for result, words in pairs], 2)


def _per_word(rows: Rows) -> float:
    return ratio(rows)


def _of_chance(text: TextEncoder) -> float:
    """Every entry of the vocabulary is as probable as another."""
    return -math.log(text.vocabulary_size)


FILL_MASK_QUALITY: Measure[FillMaskResult, Words] = Measure(
    keys=("words",),
    read=read,
    metrics=(Metric("masked-word accuracy", _hits, ratio),),
    alike=Metric("same best words", _same, mean),
    divergence=of_labels,
    fits=_fits,
    probe=Probe(_asking, Metric("log-probability of masked words", _log_probabilities, _per_word), _of_chance),
)
