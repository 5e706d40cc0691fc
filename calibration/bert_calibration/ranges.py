"""From statistics to ranges: what of an activation 256 integers cover, and how its channels are evened out first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bert_calibration.errors import CalibrationError
from bert_calibration.observe import Activation

FloatArray = NDArray[np.float32]

ALPHA, TOKEN_ALPHA = 0.8, 0.5
"""How much of a channel's size goes into the weights, for one scale and for a scale for each token: 0 nothing, 1 all.
Measured: docs/decisions/int8-cpu.md."""

PERCENTILE = 99.99
BINS, LEVELS = 2048, 128
_LEAST = 1e-30


@dataclass(frozen=True)
class Range:
    """What the integers of one activation stand for.

    Attributes:
        low, high: the ends, after the division by `smooth`; low <= 0 <= high, so that zero is exact.
        smooth: what each channel is divided by, while its weights are multiplied by it; empty for none.
        token_smooth: the same where each token has its own scale.
    """

    low: float
    high: float
    smooth: tuple[float, ...] = ()
    token_smooth: tuple[float, ...] = ()

    def unsigned(self) -> tuple[np.float32, np.uint8]:
        """(scale, zero point) of uint8."""
        scale = np.float32(max(self.high - self.low, _LEAST) / 255)
        return scale, np.uint8(np.clip(np.rint(-self.low / scale), 0, 255))

    def signed(self) -> np.float32:
        """The scale of int8 with zero point 0, of -127 to 127."""
        return np.float32(max(self.high, -self.low, _LEAST) / 127)


LEARNED = "learned"
"""The method of ranges that fine-tuning learned; see `bert_calibration.finetune`."""


@dataclass(frozen=True)
class Ranges:
    """The result of a calibration.

    Attributes:
        method: how they were taken, a key of METHODS.
        graph: the SHA-256 of the graph whose activations were observed.
        requests: how many requests were observed.
        points: point -> its range.
        texts: what tells the observed texts again, see `held_out.digests`; None where a file does not say.
    """

    method: str
    graph: str
    requests: int
    points: Mapping[str, Range]
    texts: frozenset[str] | None = None


def minmax(seen: Activation) -> Range:
    """Everything that was seen."""
    return _covering(float(seen.low.min()), float(seen.high.max()))


def percentile(seen: Activation) -> Range:
    """All but a ten thousandth at either end."""
    low, high = np.percentile(seen.sample, [100 - PERCENTILE, PERCENTILE])
    return _covering(float(low), float(high))


def entropy(seen: Activation) -> Range:
    """The magnitude beyond which cutting off loses less information than covering it would (Kullback-Leibler
    divergence of histograms; Migacz, "8-bit inference with TensorRT", 2017)."""
    magnitudes = np.abs(seen.sample).reshape(-1)
    counts, edges = np.histogram(magnitudes, bins=BINS, range=(0.0, float(magnitudes.max()) or 1.0))
    candidates = range(LEVELS, BINS + 1, 16)
    best = min(candidates, key=lambda end: _divergence(counts, end))
    limit = float(edges[best])
    return _covering(max(float(seen.low.min()), -limit), min(float(seen.high.max()), limit))


def smooth(seen: Activation) -> Range:
    """Everything that was seen, after channels of large values gave some of their size to their weights. The weights of
    an embedding table, which others read, take nothing: the range is that of minmax."""
    if not seen.weights.size:
        return minmax(seen)
    factors = _factors(seen, ALPHA)
    ends = _covering(float((seen.low / factors).min()), float((seen.high / factors).max()))
    return Range(ends.low, ends.high, tuple(factors.tolist()), tuple(_factors(seen, TOKEN_ALPHA).tolist()))


def _factors(seen: Activation, alpha: float) -> FloatArray:
    """max|x|^alpha / max|w|^(1-alpha) of each channel (Xiao et al., "SmoothQuant", 2023), here with a mean of 1."""
    floor = np.float32(1e-5)
    values = np.maximum(np.maximum(np.abs(seen.low), np.abs(seen.high)), floor).astype(np.float64)
    weights = np.maximum(seen.weights, floor).astype(np.float64)
    logarithms = alpha * np.log(values) - (1 - alpha) * np.log(weights)
    factors: FloatArray = np.exp(logarithms - logarithms.mean()).astype(np.float32)
    return factors


METHODS: Mapping[str, Callable[[Activation], Range]] = {
    "minmax": minmax,
    "percentile": percentile,
    "entropy": entropy,
    "smooth": smooth,
}


def ranges_of(seen: Mapping[str, Activation], method: str, graph: str, requests: int) -> Ranges:
    """Every point's range by one method.

    Raises:
        CalibrationError: the method is unknown.
    """
    if method not in METHODS:
        raise CalibrationError(f"the method is {method!r}, expected one of {', '.join(METHODS)}")
    return Ranges(method, graph, requests, {name: METHODS[method](each) for name, each in seen.items()})


def _covering(low: float, high: float) -> Range:
    return Range(min(low, 0.0), max(high, 0.0))


def _divergence(counts: NDArray[np.int64], end: int) -> float:
    """KL(what was seen, cut off at `end` || the same in LEVELS equal steps)."""
    seen = counts[:end].astype(np.float64)
    seen[-1] += counts[end:].sum()
    steps = np.arange(end) * LEVELS // end
    occupied = counts[:end] > 0
    mass = np.bincount(steps, weights=counts[:end], minlength=LEVELS)
    share = np.bincount(steps, weights=occupied, minlength=LEVELS)
    stepped = np.where(occupied, mass[steps] / np.maximum(share[steps], 1), 0.0)
    if not seen.sum() or not stepped.sum():
        return float("inf")
    p, q = seen / seen.sum(), stepped / stepped.sum()
    both = (p > 0) & (q > 0)
    lost = float(p[(p > 0) & (q == 0)].sum())  # values where the steps have none: as bad as it gets
    return float((p[both] * np.log(p[both] / q[both])).sum()) + 10.0 * lost
