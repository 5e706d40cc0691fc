"""How far a head's outputs are from fp32's, as numbers that change with every bit: what a search can rank by.

Decoded answers change by whole samples, so that a few hundred of them cannot tell two plans apart. A head's own
distribution can: each judged position (a token, the start or end of a span, a masked word, a text) has the divergence
of Jensen and Shannon (Lin, IEEE Transactions on Information Theory 37, 1991), in nats: 0 for equal, at most ln 2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Wide = NDArray[np.float64]
Mask = NDArray[np.bool_]

Divergence = Callable[[Floats, Floats, Mask], Wide]
"""(one output, fp32's output, which of its leading positions are no padding) -> float64 of (positions,), 0 or more."""


def of_labels(found: Floats, expected: Floats, kept: Mask) -> Wide:
    """Between softmaxes over the last axis: labels, choices, or the vocabulary."""
    return jensen_shannon(_log_softmax(found[kept]), _log_softmax(expected[kept]))


def of_spans(found: Floats, expected: Floats, kept: Mask) -> Wide:
    """Between softmaxes over the tokens of a row: where a span starts, or ends; padding has no share."""
    shown = [np.where(kept, logits, -np.inf) for logits in (found, expected)]
    return jensen_shannon(_log_softmax(shown[0]), _log_softmax(shown[1]))


def of_each_label(found: Floats, expected: Floats, kept: Mask) -> Wide:
    """Between sigmoids: the mean over labels, each of which holds or does not."""
    both = [np.stack([logits[kept], np.zeros_like(logits[kept])], axis=-1) for logits in (found, expected)]
    means: Wide = jensen_shannon(_log_softmax(both[0]), _log_softmax(both[1])).mean(axis=-1)
    return means


def of_values(found: Floats, expected: Floats, kept: Mask) -> Wide:
    """The mean squared difference of the numbers of a text, which have no distribution."""
    wide = found[kept].astype(np.float64) - expected[kept].astype(np.float64)
    means: Wide = np.square(wide).mean(axis=-1)
    return means


def of_vectors(found: Floats, expected: Floats, kept: Mask) -> Wide:
    """One minus the cosine of vectors along the last axis."""
    one, other = found[kept].astype(np.float64), expected[kept].astype(np.float64)
    lengths = np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1)
    cosines: Wide = (one * other).sum(axis=-1) / np.maximum(lengths, 1e-30)
    return np.maximum(1 - cosines, 0)


def jensen_shannon(one: Wide, other: Wide) -> Wide:
    """Of distributions along the last axis, given as logarithms; -inf stands for a probability of 0."""
    middle = np.logaddexp(one, other) - np.log(2)
    return np.maximum((_relative_entropy(one, middle) + _relative_entropy(other, middle)) / 2, 0)


def _relative_entropy(one: Wide, other: Wide) -> Wide:
    share = np.exp(one)
    ratio = np.where(share > 0, one - np.where(share > 0, other, 0), 0)
    total: Wide = (share * ratio).sum(axis=-1)
    return total


def _log_softmax(logits: Floats) -> Wide:
    wide = logits.astype(np.float64)
    wide = wide - wide.max(axis=-1, keepdims=True)
    result: Wide = wide - np.log(np.exp(wide).sum(axis=-1, keepdims=True))
    return result
