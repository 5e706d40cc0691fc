"""How a loss follows from a divergence: it grows with the root.

Rounding changes an answer where the change of its scores exceeds their margin. Margins near 0 are about equally
frequent, so that the share of changed answers grows with the size of the change. The divergence is, to second order,
the square of that size. One number is left, which all judged plans tell together with less luck than each alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class LossLaw:
    """Loss = rate * root of the divergence.

    Attributes:
        rate: 0 or more.
    """

    rate: float

    @classmethod
    def of(cls, judged: Iterable[tuple[float, float]]) -> LossLaw:
        """The law of (divergence, loss) of judged plans: all losses over all roots, without what is no number."""
        known = [(math.sqrt(apart), loss) for apart, loss in judged if math.isfinite(apart) and math.isfinite(loss)]
        roots = sum(root for root, _ in known)
        return cls(max(0.0, sum(loss for _, loss in known)) / roots if roots else 0.0)

    def expected(self, divergence: float) -> float:
        """The loss of a plan."""
        return self.rate * math.sqrt(divergence) if self.rate else 0.0

    def divergence(self, loss: float) -> float:
        """The largest divergence of which no more than `loss` is expected; infinite where nothing was lost."""
        return (loss / self.rate) ** 2 if self.rate else math.inf
