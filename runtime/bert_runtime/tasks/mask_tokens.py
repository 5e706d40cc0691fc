"""The words for the masks of a text: what fill-mask and pretraining share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bert_runtime.errors import BackendError, BundleError, Problem
from bert_runtime.tasks.result import Result
from bert_runtime.tasks.scores import Floats, finite, softmax, top
from bert_runtime.tasks.task import Features, FloatArray, IntArray
from bert_runtime.text import Pieces, TextEncoder


@dataclass(frozen=True)
class Candidate(Result):
    """A word for a mask.

    Attributes:
        token: the entry of the vocabulary; a piece that continues a word starts with ##.
        token_id: its id.
        score: its probability at this mask, among the whole vocabulary.
        text: the text with this mask filled, as the tokenizer's decoder writes it; other masks stay.
    """

    token: str
    token_id: int
    score: float
    text: str


@dataclass(frozen=True)
class MaskResult(Result):
    """One mask: its first and one-past-last character in the text, and its candidates, best first."""

    start: int
    end: int
    candidates: tuple[Candidate, ...]


def mask_logits(logits: FloatArray, features: Features, name: str) -> FloatArray:
    """The logits at the masks, (masks, vocabulary), whether the graph gives just these or (sequence, vocabulary).

    The number of rows tells which: a row has as many masks as tokens only if all of it is masked, and then both are the
    same array.

    Raises:
        BackendError: neither shape, or a value that is not finite; `name` is the graph's output.
    """
    positions = features.positions
    if positions is None or logits.ndim != 2 or len(logits) not in (len(positions), len(features.ids)):
        masks = 0 if positions is None else len(positions)
        expected = f"({masks} masks or {len(features.ids)} tokens, vocabulary)"
        raise BackendError(f"{name!r} has the shape {logits.shape}, expected {expected}; export the bundle again")
    return finite(logits if len(logits) == len(positions) else logits[positions], name)


def mask_indices(text: TextEncoder, pieces: Pieces) -> IntArray:
    """Which of the pieces are masks: int64 of shape (masks,)."""
    return np.flatnonzero(pieces.ids == text.mask_id)


def fill(
    text: TextEncoder, pieces: Pieces, logits: FloatArray, top_k: int, target_ids: Sequence[int] | None = None
) -> tuple[MaskResult, ...]:
    """The candidates of each mask of one text.

    Args:
        text: the tokenizer.
        pieces: the text, as the model read it.
        logits: (masks, vocabulary), in the order of the text.
        top_k: how many candidates at most for each mask.
        target_ids: the only candidates; None for the whole vocabulary.

    Raises:
        BackendError: a target is beyond the vocabulary of the logits, since tokenizer and graph do not belong together.
    """
    if target_ids and max(target_ids) >= logits.shape[1]:
        got = f"token {max(target_ids)} is in tokenizer.json, but the graph's vocabulary ends at {logits.shape[1]}"
        raise BackendError(f"{got}, expected the same vocabulary in both; export the bundle again")
    results = []
    for index, scores in zip(mask_indices(text, pieces).tolist(), softmax(logits), strict=True):
        candidates = tuple(
            Candidate(text.token(token), token, float(scores[token]), _filled(text, pieces, index, token))
            for token in _best(scores, top_k, target_ids)
        )
        start, end = pieces.offsets[index].tolist()
        results.append(MaskResult(start, end, candidates))
    return tuple(results)


def top_k_problems(top_k: int) -> Iterator[str]:
    """What is wrong with a number of candidates."""
    if top_k < 1:
        yield Problem("out-of-range", "top_k", f"top_k is {top_k}, expected at least 1: ask for one candidate or more")


def no_mask(text: TextEncoder) -> str:
    """The problem of a text without a mask."""
    mask = text.mask_token
    example = f"'Paris is the {mask} of France.'"
    return f"text has no {mask}, expected one or more: write {mask} for a missing word, as in {example}"


def lost_masks(text: TextEncoder, name: str, pieces: Pieces, kept: Pieces) -> list[str]:
    """The problem of masks that truncation cut off, if there are any; `name` is the request's field."""
    total, left = len(mask_indices(text, pieces)), len(mask_indices(text, kept))
    if total == left:
        return []
    got = f"{name} has {len(pieces)} tokens, of which the model reads {len(kept)}"
    lost = f"{total - left} of {total} masks are cut off"
    message = f"{got}: {lost}, expected none; shorten {name}, or keep only what is around the masks"
    return [Problem("too-long", name, message)]


def require_mask_token(text: TextEncoder) -> None:
    """Raise BundleError if no text can hold a mask."""
    if text.mask_id is None:
        raise BundleError(
            Problem(
                "missing-key",
                "tokenizer.mask_id",
                "the manifest has no tokenizer.mask_id, expected the id of a mask; export a BERT checkpoint",
            )
        )


def _best(scores: Floats, top_k: int, target_ids: Sequence[int] | None) -> list[int]:
    """The ids of the best tokens, best first."""
    if target_ids is None:
        return top(scores, top_k)
    return [target_ids[i] for i in top(scores[list(target_ids)], top_k)]


def _filled(text: TextEncoder, pieces: Pieces, index: int, token: int) -> str:
    """The text with one mask filled. Special tokens are left out unless other masks must be seen."""
    ids = pieces.ids.copy()
    ids[index] = token
    alone = len(mask_indices(text, pieces)) == 1
    return text.decode(ids[ids != text.pad_id].tolist(), skip_special_tokens=alone)
