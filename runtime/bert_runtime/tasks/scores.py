"""From logits to scores: the functions that every head shares. All take and return float arrays, in float64 inside."""

from __future__ import annotations

import math
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bert_runtime.errors import BackendError

Floats = NDArray[np.floating[Any]]
FloatsT = TypeVar("FloatsT", bound=Floats)

_FEW = 4096
"""Of so many values the sum of squares is the quickest proof that all are finite: one call, no second array. Of more,
numpy's BLAS would start threads of its own."""


def finite(logits: FloatsT, name: str) -> FloatsT:
    """`logits` themselves, once every one of them is a number: a NaN would rank like any other answer.

    Raises:
        BackendError: some are NaN or infinite; `name` is the graph's output, for the message.
    """
    if logits.size <= _FEW and math.isfinite(np.vdot(logits, logits)):
        return logits
    good = np.isfinite(logits)
    if not good.all():
        broken = f"{good.size - np.count_nonzero(good)} of {good.size} values of {name!r} are NaN or infinite"
        raise BackendError(
            f"{broken}, expected finite numbers; run an fp32 artefact, or export again and look at the checkpoint"
        )
    return logits


def softmax(logits: Floats) -> NDArray[np.float64]:
    """Probabilities along the last axis, shifted by the maximum so that no exponent overflows."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    total: NDArray[np.float64] = shifted / shifted.sum(axis=-1, keepdims=True)
    return total


def sigmoid(logits: Floats) -> NDArray[np.float64]:
    """The logistic function, written with tanh so that large negative logits do not overflow."""
    values: NDArray[np.float64] = 0.5 * (1.0 + np.tanh(0.5 * logits.astype(np.float64)))
    return values


def top(scores: Floats, count: int) -> list[int]:
    """The indices of the `count` largest entries of a 1-D array, best first; equal scores keep their order."""
    count = min(count, len(scores))
    if count < len(scores) // 4:
        # Only what reaches the count-th largest value is sorted: a vocabulary has 30,000 entries.
        threshold = np.partition(scores, len(scores) - count)[len(scores) - count]
        kept = np.flatnonzero(scores >= threshold)
        return [int(kept[i]) for i in np.argsort(-scores[kept], kind="stable")[:count]]
    return [int(i) for i in np.argsort(-scores, kind="stable")[:count]]
