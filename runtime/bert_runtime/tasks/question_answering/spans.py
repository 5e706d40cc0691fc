"""The best answer spans of start and end logits: an exact n-best search over overlapping windows.

The rules are those of the SQuAD evaluation (Rajpurkar et al. 2016; the null score: Rajpurkar et al. 2018) as used by
Devlin et al. 2019: a span's score is start logit + end logit, and the n best spans of all windows share one softmax.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bert_runtime.text import IntArray, Pieces

FloatArray = NDArray[np.float32]
DoubleArray = NDArray[np.float64]
Characters = tuple[int, int]
_LOWEST = np.finfo(np.float64).min
_FEW = 256
"""Up to so many numbers are sorted in Python: an array function that runs once in a request costs more."""


class Span(NamedTuple):
    """Characters [start, end) of the context, and the sum of their best start and end logits.

    A tuple, since twenty are made for every request: a frozen dataclass takes five times as long to make.
    """

    start: int
    end: int
    score: float


@dataclass(frozen=True)
class WindowLogits:
    """What the model says of the context pieces in one window.

    Attributes:
        start, end: float32 of shape (pieces,).
        characters: int64 of shape (pieces, 2): the characters where an answer starts and ends that starts, or ends,
            at a piece.
    """

    start: FloatArray
    end: FloatArray
    characters: IntArray


def answer_characters(context: str, pieces: Pieces, align_to_words: bool) -> IntArray:
    """int64 of shape (pieces, 2): the characters where an answer starts and ends that starts, or ends, at a piece.

    With `align_to_words` these are the bounds of the piece's pre-tokenised word, with the combining marks that follow
    it: an uncased tokenizer strips them, and an answer without them would be another word.
    """
    if not align_to_words or not len(pieces):
        return pieces.offsets
    changes = pieces.words[1:] != pieces.words[:-1]
    word = np.zeros(len(pieces), dtype=np.int64)
    changes.cumsum(out=word[1:])
    edges = np.ones(len(pieces) + 1, dtype=bool)  # before each piece: whether a word begins there; and the end
    edges[1:-1] = changes
    starts, ends = pieces.offsets[edges[:-1], 0], pieces.offsets[edges[1:], 1]
    if not context.isascii() and any(map(_is_mark, set(context))):  # few texts have any: those pay for the loop
        ends = np.array([_after_marks(context, end) for end in ends.tolist()], dtype=np.int64)
    characters: IntArray = np.empty((len(pieces), 2), dtype=np.int64)
    characters[:, 0], characters[:, 1] = starts[word], ends[word]
    return characters


def best_spans(windows: Sequence[WindowLogits], longest: int, count: int) -> list[Span]:
    """The `count` best spans of all windows: higher score first, then the earlier start, then the shorter span.

    A span starts and ends in one window and has at most `longest` pieces. The same characters found in several windows,
    or from several pieces of a word, are one span with its best score. Memory: pieces of a window x `longest`.
    """
    if len(windows) == 1:
        return [Span(*characters, score) for characters, score in _window_spans(windows[0], longest, count).items()]
    best: dict[Characters, float] = {}
    for window in windows:
        for characters, score in _window_spans(window, longest, count).items():
            best[characters] = max(score, best.get(characters, score))
    return [Span(start, end, score) for (start, end), score in _ranked(best)[:count]]


def _ranked(scores: Mapping[Characters, float]) -> list[tuple[Characters, float]]:
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


def _window_spans(window: WindowLogits, longest: int, count: int) -> dict[Characters, float]:
    """The `count` best distinct spans of one window, in the order of `best_spans`.

    Several candidates may be one span, so the search widens until `count` distinct ones are found or none is left.
    """
    scores = _candidate_scores(window, longest)
    candidates = count
    while True:
        spans = _distinct(scores, _reaching(scores, candidates), window.characters, count)
        if len(spans) == count or candidates >= len(scores):
            return spans
        candidates *= 8


def _candidate_scores(window: WindowLogits, longest: int) -> DoubleArray:
    """float64 of shape (pieces, longest): entry (i, k) is start logit i + end logit i + k; -inf beyond the window."""
    longest = min(longest, len(window.end))
    pieces = len(window.end)
    ends = np.empty(pieces + longest - 1)
    ends[:pieces], ends[pieces:] = window.end, -np.inf
    # Row i is a view of the ends from i on; numpy's own sliding_window_view spends more time on its arguments.
    views: DoubleArray = np.ndarray((pieces, longest), np.float64, ends, 0, (ends.itemsize, ends.itemsize))
    scores: DoubleArray = window.start[:, None] + views
    return scores


def _reaching(scores: DoubleArray, count: int) -> IntArray:
    """Flat indices of every score that reaches the `count`-th best row maximum; the `count` best are among them.

    The row maxima are scores themselves, so the `count`-th best score of all is no smaller than this bound.
    """
    bound = _LOWEST
    if count < len(scores):
        rows = scores.max(axis=1)
        rows.partition(len(rows) - count)
        bound = rows[len(rows) - count]
    return (scores.reshape(-1) >= bound).nonzero()[0]


def _distinct(scores: DoubleArray, kept: IntArray, characters: IntArray, count: int) -> dict[Characters, float]:
    """The first `count` distinct spans among the `kept` candidates, in the order of `best_spans`."""
    values = scores.reshape(-1)[kept]
    # Characters never go back from piece to piece, so `kept` runs by start, then by end: a stable sort breaks ties.
    spans: dict[Characters, float] = {}
    for i in _best_first(values):
        first, further = divmod(kept.item(i), scores.shape[1])
        spans.setdefault((characters.item(first, 0), characters.item(first + further, 1)), values.item(i))
        if len(spans) == count:
            break
    return spans


def _best_first(values: DoubleArray) -> Sequence[int]:
    """Indices of `values`, the largest first, equal ones in their order."""
    if len(values) > _FEW:
        order: list[int] = (-values).argsort(kind="stable").tolist()
        return order
    few = values.tolist()
    return sorted(range(len(few)), key=few.__getitem__, reverse=True)


def _after_marks(context: str, end: int) -> int:
    """`end`, moved past the nonspacing marks that stand there."""
    while end < len(context) and _is_mark(context[end]):
        end += 1
    return end


def _is_mark(character: str) -> bool:
    """Whether it is a nonspacing mark; the first one is U+0300."""
    return character >= "\u0300" and unicodedata.category(character) == "Mn"
