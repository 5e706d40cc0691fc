"""What is done to the logits before a token is chosen: transformers' processors, in its order and with its meaning."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bert_runtime.tasks.scores import softmax
from bert_runtime.tasks.task import FloatArray
from bert_runtime.tasks.text_generation import GenerationSettings


def penalised(scores: FloatArray, seen: Sequence[int], settings: GenerationSettings) -> FloatArray:
    """Scores, float32 of (vocabulary,), with those of the tokens in `seen` made less likely, each once (CTRL, Keskar et
    al. 2019): divided by the repetition penalty where positive, multiplied where negative."""
    if settings.repetition_penalty == 1:
        return scores
    ids = np.unique(np.asarray(seen, dtype=np.int64))
    ids = ids[ids < len(scores)]
    changed, penalty = scores.copy(), np.float32(settings.repetition_penalty)
    changed[ids] = np.where(scores[ids] < 0, scores[ids] * penalty, scores[ids] / penalty)
    return changed


def drawable(scores: FloatArray, settings: GenerationSettings) -> FloatArray:
    """The scores to draw from: by temperature, then top_k, then top_p; what is left out is minus infinity."""
    scores = scores / np.float32(settings.temperature)
    if 0 < settings.top_k < len(scores):
        scores = _top_k(scores, settings.top_k)
    if settings.top_p < 1:
        scores = _top_p(scores, settings.top_p)
    return scores


def _top_k(scores: FloatArray, count: int) -> FloatArray:
    """The `count` largest, and whatever equals the smallest of them."""
    threshold = np.partition(scores, len(scores) - count)[len(scores) - count]
    return _without(scores, scores < threshold)


def _top_p(scores: FloatArray, probability: float) -> FloatArray:
    """The smallest set of the most probable tokens that reaches `probability` (nucleus, Holtzman et al. 2019)."""
    order = np.argsort(scores, kind="stable")
    tail = np.cumsum(softmax(scores[order]))
    gone = tail <= 1 - probability
    gone[-1] = False
    removed = np.zeros_like(gone)
    removed[order] = gone
    return _without(scores, removed)


def _without(scores: FloatArray, removed: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> FloatArray:
    return np.where(removed, np.float32(-np.inf), scores)
