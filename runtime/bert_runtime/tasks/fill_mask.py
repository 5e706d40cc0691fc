"""fill-mask: the words that fit where a text has a mask."""

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
from bert_runtime.tasks.request import Request
from bert_runtime.tasks.result import Result
from bert_runtime.tasks.task import Encoded, Features, Head, HeadSettings, Outputs, Reads, Task
from bert_runtime.tasks.tensors import TensorSpec
from bert_runtime.text import Pieces, TextEncoder


@dataclass(frozen=True)
class FillMaskRequest(Request):
    """A text with one mask or more.

    Attributes:
        text: the text; the tokenizer's mask token, [MASK] in most, stands for a missing word.
        top_k: how many candidates to give for each mask.
        targets: entries of the vocabulary; the only candidates, where given. Their scores stay probabilities
            among the whole vocabulary.
    """

    text: str
    top_k: int = 5
    targets: tuple[str, ...] | None = None

    def problems(self) -> Iterator[str]:
        yield from top_k_problems(self.top_k)
        if self.targets == ():
            yield Problem(
                "empty", "targets", "targets is empty, expected at least one word: name one, or leave targets out"
            )


@dataclass(frozen=True)
class FillMaskResult(Result):
    """The masks in the order of the text; `truncated` says that the model did not read the text to its end."""

    masks: tuple[MaskResult, ...]
    truncated: bool


@dataclass(frozen=True)
class FillMaskEncoded(Encoded):
    """The pieces that the model reads, and the ids of the targets (None: the whole vocabulary)."""

    pieces: Pieces
    target_ids: tuple[int, ...] | None
    truncated: bool


class FillMaskHead(Head[FillMaskRequest, FillMaskEncoded, FillMaskResult]):
    """Equal to transformers' fill-mask pipeline, but several masks leave special tokens out of the texts, and a target
    that is not in the vocabulary is an error."""

    def __init__(self, text: TextEncoder, settings: HeadSettings) -> None:
        super().__init__(text, settings)
        require_mask_token(text)

    def encode(self, request: FillMaskRequest) -> FillMaskEncoded:
        pieces = self.text.pieces(request.text)
        kept, _ = self.text.truncate(pieces)
        problems = lost_masks(self.text, "text", pieces, kept)
        if not len(mask_indices(self.text, pieces)):
            problems.append(Problem("no-mask", "text", no_mask(self.text)))
        target_ids, unknown = _target_ids(self.text, request.targets)
        if problems + unknown:
            raise InputError(problems + unknown)
        row = self.text.row(kept)
        features = Features.from_row(row, np.flatnonzero(row.ids == self.text.mask_id))
        return FillMaskEncoded((features,), kept, target_ids, truncated=len(kept) < len(pieces))

    def decode(self, request: FillMaskRequest, encoded: FillMaskEncoded, outputs: Sequence[Outputs]) -> FillMaskResult:
        logits = mask_logits(outputs[0]["logits"], encoded.features[0], "logits")
        masks = fill(self.text, encoded.pieces, logits, request.top_k, encoded.target_ids)
        return FillMaskResult(masks, encoded.truncated)


def _target_ids(text: TextEncoder, targets: Sequence[str] | None) -> tuple[tuple[int, ...] | None, list[str]]:
    """The ids of the targets, each once, and a problem for each target that is no entry of the vocabulary."""
    if targets is None:
        return None, []
    found = {target: text.token_id(target) for target in targets}
    ids = tuple(token for token in found.values() if token is not None)
    return ids, [
        Problem("not-in-vocabulary", "targets", _unknown_target(text, target))
        for target, token in found.items()
        if token is None
    ]


def _unknown_target(text: TextEncoder, target: str) -> str:
    pieces = ", ".join(repr(text.token(token)) for token in text.pieces(target).ids.tolist())
    wanted = f"expected a whole entry, since one mask is one token: the tokenizer reads it as {pieces or 'nothing'}"
    return f"target {target!r} is not in the vocabulary, {wanted}"


FILL_MASK: Task[FillMaskRequest, FillMaskEncoded, FillMaskResult] = Task(
    name="fill-mask",
    model_class="BertForMaskedLM",
    reads=Reads.MASKED_POSITIONS,
    outputs=(TensorSpec("logits", "float32", ("batch", "masks", "vocabulary")),),
    plain_outputs=(TensorSpec("logits", "float32", ("batch", "sequence", "vocabulary")),),
    request=FillMaskRequest,
    head=FillMaskHead,
    aliases=("mlm",),
    examples=(
        {"text": "Paris is the [MASK] of France."},
        {"text": "[MASK]"},
        {"text": "The [MASK] sat on the [MASK], and nobody [MASK].", "top_k": 3},
        {"text": "Le café de Zürich était [MASK] — 東京も。", "top_k": 10},
        {"text": "I love this [MASK] so much 😍👍🏽!", "targets": ["movie", "book", "song"]},
        {
            "text": "He play[MASK] the violin, she wrote 3.14 and e=mc² on the [MASK].",
            "targets": ["##ed", "board", "wall"],
        },
    ),
)
