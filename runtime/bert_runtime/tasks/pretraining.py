"""pretraining: both heads that BERT was pretrained with, masked words and the next sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bert_runtime.errors import InputError, Problem
from bert_runtime.tasks.mask_tokens import (
    MaskResult,
    fill,
    lost_masks,
    mask_indices,
    mask_logits,
    no_mask,
    require_mask_token,
    top_k_problems,
)
from bert_runtime.tasks.next_sentence_prediction import next_score
from bert_runtime.tasks.request import Request
from bert_runtime.tasks.result import Result
from bert_runtime.tasks.task import Encoded, Features, Head, HeadSettings, Outputs, Reads, Task
from bert_runtime.tasks.tensors import TensorSpec
from bert_runtime.text import Pieces, TextEncoder


@dataclass(frozen=True)
class PretrainingRequest(Request):
    """A text with masks, or two texts with or without.

    Attributes:
        text: the text; the tokenizer's mask token, [MASK] in most, stands for a missing word.
        next_text: the text that may follow it.
        top_k: how many candidates to give for each mask.
    """

    text: str
    next_text: str | None = None
    top_k: int = 5

    def problems(self) -> Iterator[str]:
        yield from top_k_problems(self.top_k)


@dataclass(frozen=True)
class PretrainingResult(Result):
    """The words for each mask, and whether `next_text` follows.

    Attributes:
        masks: the masks of `text`, in its order.
        next_masks: the masks of `next_text`, with characters counted in `next_text`.
        is_next: the score is at least one half; None without a `next_text`.
        score: the probability that `next_text` follows; None without one.
        truncated: the end of a text was cut off, because all together is longer than the model reads.
    """

    masks: tuple[MaskResult, ...]
    next_masks: tuple[MaskResult, ...]
    is_next: bool | None
    score: float | None
    truncated: bool


@dataclass(frozen=True)
class PretrainingEncoded(Encoded):
    """The pieces that the model reads of each text; `second` is None for one text."""

    first: Pieces
    second: Pieces | None
    truncated: bool


class PretrainingHead(Head[PretrainingRequest, PretrainingEncoded, PretrainingResult]):
    """Fill-mask and next-sentence-prediction in one row."""

    def __init__(self, text: TextEncoder, settings: HeadSettings) -> None:
        super().__init__(text, settings)
        require_mask_token(text)

    def encode(self, request: PretrainingRequest) -> PretrainingEncoded:
        first = self.text.pieces(request.text)
        second = None if request.next_text is None else self.text.pieces(request.next_text)
        kept, kept_second = self.text.truncate(first, second)
        problems = lost_masks(self.text, "text", first, kept)
        if second is not None and kept_second is not None:
            problems += lost_masks(self.text, "next_text", second, kept_second)
        elif not len(mask_indices(self.text, first)):
            problems.append(Problem("no-mask", "text", no_mask(self.text) + ", or give a next_text"))
        if problems:
            raise InputError(problems)
        row = self.text.row(kept, kept_second)
        features = Features.from_row(row, np.flatnonzero(row.ids == self.text.mask_id))
        truncated = len(first) + len(second or ()) > self.text.room(pair=second is not None)
        return PretrainingEncoded((features,), kept, kept_second, truncated)

    def decode(
        self, request: PretrainingRequest, encoded: PretrainingEncoded, outputs: Sequence[Outputs]
    ) -> PretrainingResult:
        logits = mask_logits(outputs[0]["prediction_logits"], encoded.features[0], "prediction_logits")
        split = len(mask_indices(self.text, encoded.first))
        masks = fill(self.text, encoded.first, logits[:split], request.top_k)
        if encoded.second is None:
            return PretrainingResult(masks, (), None, None, encoded.truncated)
        next_masks = fill(self.text, encoded.second, logits[split:], request.top_k)
        score = next_score(outputs[0]["seq_relationship_logits"], "seq_relationship_logits")
        return PretrainingResult(masks, next_masks, score >= 0.5, score, encoded.truncated)


_NEXT = TensorSpec("seq_relationship_logits", "float32", ("batch", "classes"))

PRETRAINING: Task[PretrainingRequest, PretrainingEncoded, PretrainingResult] = Task(
    name="pretraining",
    model_class="BertForPreTraining",
    reads=Reads.MASKED_POSITIONS,
    outputs=(TensorSpec("prediction_logits", "float32", ("batch", "masks", "vocabulary")), _NEXT),
    plain_outputs=(TensorSpec("prediction_logits", "float32", ("batch", "sequence", "vocabulary")), _NEXT),
    request=PretrainingRequest,
    head=PretrainingHead,
    examples=(
        {"text": "Paris is the [MASK] of France."},
        {"text": "The lights went out.", "next_text": "She looked for a candle."},
        {"text": "The [MASK] went out.", "next_text": "She [MASK] for a [MASK] in the kitchen.", "top_k": 3},
        {"text": "Zürich liegt am [MASK].", "next_text": "Der See ist schön — 東京も。"},
        {
            "text": "We [MASK]!!! 🎉🏆",
            "next_text": "Everybody danced 💃🏽.",
            "top_k": 10,
        },
        {"text": "[MASK]", "next_text": "It costs 3.50 €, or [MASK] for students and pensioners on weekdays."},
    ),
)
