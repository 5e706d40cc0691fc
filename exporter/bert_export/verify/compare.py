"""How far an artefact's outputs are from torch's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from bert_runtime.tasks.task import IntArray, TensorSpec

Outputs = Mapping[str, np.ndarray[Any, Any]]


def largest_difference(expected: Outputs, got: Outputs, specs: Iterable[TensorSpec], mask: IntArray) -> float:
    """The largest absolute difference of any output, where it means anything: nothing at a position that `mask` hides.

    Args:
        expected, got: float arrays by name, with the axes of `specs`.
        specs: the outputs to compare.
        mask: int64 of shape (batch, [choices,] sequence): 1 for a token, 0 for padding.

    Returns:
        Infinity where shapes differ, or either side holds a value that is no finite number.
    """
    return max(_difference(expected[spec.name], got[spec.name], spec, mask) for spec in specs)


def _difference(expected: np.ndarray[Any, Any], got: np.ndarray[Any, Any], spec: TensorSpec, mask: IntArray) -> float:
    if expected.shape != got.shape:
        return float("inf")
    if "sequence" in spec.axes:
        expected, got = expected[mask.astype(bool)], got[mask.astype(bool)]
    if not (np.isfinite(expected).all() and np.isfinite(got).all()):
        return float("inf")
    return float(np.max(np.abs(expected - got), initial=0.0))
