"""The middle and the quartiles of what a clock said in each round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True)
class Spread:
    """The lower quartile, the median and the upper quartile."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Of one value or more."""
        return cls(*(float(value) for value in np.percentile(values, (25, 50, 75))))

    @classmethod
    def of_ratios(cls, ones: Sequence[float], others: Sequence[float]) -> Self:
        """Of one / other, round by round."""
        return cls.of([one / other for one, other in zip(ones, others, strict=True)])

    def __str__(self) -> str:
        return f"{self.median:.2f}x ({self.low:.2f} to {self.high:.2f})"
