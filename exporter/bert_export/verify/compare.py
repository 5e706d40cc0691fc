"""How far an artefact's outputs are from torch's, and how far they may be."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bert_export.tolerances import Tolerance
from bert_runtime.tasks.task import IntArray
from bert_runtime.tasks.tensors import TensorSpec

Outputs = Mapping[str, np.ndarray[Any, Any]]


@dataclass(frozen=True)
class Gap:
    """How far an output is from the one expected, and how far it may be; infinite where it is no such output."""

    difference: float
    limit: float

    @property
    def is_too_wide(self) -> bool:
        """Whether the outputs count as different."""
        return self.difference == math.inf or not self.difference <= self.limit

    def __str__(self) -> str:
        if self.difference == math.inf:
            return "has another shape, or values that are not finite"
        return f"differs by {self.difference:.1e}"


class Judge:
    """Measures gaps; learns the scale of each output from what torch answers."""

    def __init__(self, tolerance: Tolerance) -> None:
        self.tolerance = tolerance
        self._scales: dict[str, float] = {}

    def learn(self, expected: Outputs) -> None:
        """See how large numbers get. A single text may have small logits alone, which says nothing of the model."""
        for name, output in expected.items():
            self._scales[name] = max(self._scales.get(name, 0.0), float(np.abs(output).max(initial=0.0)))

    def limit(self, name: str) -> float:
        """The largest accepted difference of an output, as far as its scale is known."""
        return self.tolerance.limit(self._scales.get(name, 0.0))

    def widest_gap(self, expected: Outputs, got: Outputs, specs: Iterable[TensorSpec], mask: IntArray) -> Gap:
        """The gap of the output that comes closest to its limit, where it means anything: not at what `mask` hides.

        Args:
            expected, got: float arrays by name, with the axes of `specs`.
            specs: the outputs to compare.
            mask: int64 of shape (batch, [choices,] sequence): 1 for a token, 0 for padding.
        """
        self.learn(expected)
        gaps = (self._gap(expected[spec.name], got[spec.name], spec, mask) for spec in specs)
        return max(gaps, key=lambda gap: gap.difference / gap.limit)

    def _gap(self, expected: np.ndarray[Any, Any], got: np.ndarray[Any, Any], spec: TensorSpec, mask: IntArray) -> Gap:
        limit = self.limit(spec.name)
        if expected.shape != got.shape:
            return Gap(math.inf, limit)
        if "sequence" in spec.axes:
            expected, got = expected[mask.astype(bool)], got[mask.astype(bool)]
        if not (np.isfinite(expected).all() and np.isfinite(got).all()):
            return Gap(math.inf, limit)
        return Gap(float(np.max(np.abs(expected - got), initial=0.0)), limit)
