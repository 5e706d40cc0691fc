"""Confidence intervals that claim no more than the number of samples allows: the width is never 0.

A share of successes has the exact interval of Clopper and Pearson (Biometrika 26, 1934), whose coverage is never below
what it says. With no failure in n samples its bound is the rule of three: up to about 3 / n of all texts may fail, and
these samples would still show none.
"""

from __future__ import annotations

import math

import numpy as np

CONFIDENCE = 0.95
STEPS = 60
"""Bisections of a share; each halves the error."""


def clopper_pearson(successes: int, samples: int) -> tuple[float, float]:
    """The exact 95% interval of a share, of which `successes` of `samples` were seen."""
    tail = (1 - CONFIDENCE) / 2
    low = 0.0 if successes == 0 else 1 - _bound(samples - successes, samples, tail)
    high = 1.0 if successes == samples else _bound(successes, samples, tail)
    return low, high


def unseen(samples: int) -> float:
    """The largest share of texts that may behave in a way which none of `samples` showed: the bound of Clopper and
    Pearson for no success."""
    tail = (1 - CONFIDENCE) / 2
    return float(1 - tail ** (1 / samples))


def _bound(successes: int, samples: int, tail: float) -> float:
    """The share at which so few successes, or fewer, have the probability `tail`."""
    low, high = 0.0, 1.0
    counts = np.arange(successes + 1)
    ways = np.array([math.lgamma(samples + 1) - math.lgamma(k + 1) - math.lgamma(samples - k + 1) for k in counts])
    for _ in range(STEPS):
        share = (low + high) / 2
        logs = ways + counts * math.log(share) + (samples - counts) * math.log1p(-share)
        low, high = (share, high) if float(np.exp(logs).sum()) > tail else (low, share)
    return (low + high) / 2
