"""How far an output may be from torch's, by precision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Tolerance:
    """The largest accepted difference of an output: `absolute`, and `relative` times the output's scale.

    Attributes:
        others: the share of real texts that may get another answer.
    """

    absolute: float
    relative: float = 0.0
    others: float = 0.0

    def limit(self, scale: float) -> float:
        """The largest accepted difference from an output whose largest number, on any text, is `scale`."""
        return self.absolute + self.relative * scale

    def __str__(self) -> str:
        return f"{self.absolute:g}" + (f" + {self.relative:g} of the largest output" if self.relative else "")


TOLERANCES: Mapping[str, Tolerance] = {
    # Fused kernels sum in another order; a wrong graph is off by far more.
    "fp32": Tolerance(1e-4),
    # 11 significant bits: six real layers were off by 0.2% of the largest logit, a tiny random model by 0.8%.
    "fp16": Tolerance(1e-3, 2e-2),
    # 8 significant bits: six real layers were off by 2.1% of the largest logit, a tiny random model by 3%. Of 500 real
    # questions 4 got another answer: one among the examples says nothing, two do.
    "bf16": Tolerance(1e-2, 6e-2, others=1 / 8),
}
"""Precision -> how far its outputs may be from torch's in single precision."""
