"""Dynamic programming over sub-layers finds what trying every combination finds."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from bert_calibration.pruning.allocation import Choice, allocate


def options(random: np.random.Generator) -> list[list[Choice]]:
    """Four sub-layers with three widths each, whose times are whole numbers."""
    return [[Choice(i, float(random.integers(1, 20)), float(random.random())) for i in range(3)] for _ in range(4)]


@pytest.mark.parametrize("seed", range(20))
def test_it_equals_brute_force(seed: int) -> None:
    random = np.random.default_rng(seed)
    given, seconds = options(random), 30
    fitting = [c for c in itertools.product(*given) if sum(each.seconds for each in c) <= seconds]
    found = allocate(given, seconds, steps=seconds)
    if not fitting:
        assert found is None
        return
    assert found is not None
    assert sum(each.seconds for each in found) <= seconds
    least = min(sum(each.loss for each in c) for c in fitting)
    assert sum(each.loss for each in found) == pytest.approx(least)


def test_no_time_is_enough_for_nothing() -> None:
    assert allocate([[Choice(1, 1.0, 0.0)]], 0.5) is None
    assert allocate([[Choice(1, 1.0, 0.0)]], -1.0) is None


def test_it_never_takes_longer_than_asked() -> None:
    given = [[Choice(1, 0.333, 0.0), Choice(0, 0.1, 1.0)]] * 3
    found = allocate(given, 0.9, steps=7)
    assert found is not None
    assert sum(each.seconds for each in found) <= 0.9
