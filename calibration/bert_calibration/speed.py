"""How much faster one graph is than another on this machine: in turns, so that a busy moment hits both."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np

from bert_runtime.backends.engine import Array, Engine

Feeds = Mapping[str, Array]

ROUNDS, SECONDS = 5, 3.0


def speed_up(faster: Engine, baseline: Engine, batches: Sequence[Feeds], fetch: Sequence[str]) -> float:
    """The median over rounds of baseline's time divided by the other's, on the same batches.

    Takes about SECONDS and one round at least, after one that is not counted.
    """
    ratios: list[float] = []
    began = time.perf_counter()
    for _ in range(ROUNDS + 1):
        ratios.append(_seconds(baseline, batches, fetch) / _seconds(faster, batches, fetch))
        if len(ratios) > 1 and time.perf_counter() - began > SECONDS:
            break
    return float(np.median(ratios[1:]))


def _seconds(engine: Engine, batches: Sequence[Feeds], fetch: Sequence[str]) -> float:
    began = time.perf_counter()
    for batch in batches:
        engine.run(batch, fetch)
    return time.perf_counter() - began
