"""Weights as integers with scales that half precision holds."""

from __future__ import annotations

import numpy as np
import pytest

from bert_calibration.int8_weights import LEAST_HALF, half_scales, quantized

WEIGHTS = np.random.default_rng(0).standard_normal((64, 32)).astype(np.float32)


def test_half_precision_holds_every_scale_and_none_is_zero() -> None:
    scales = half_scales(np.array([1e-30, 1e-7, 1e-3, 0.1, 300.0], np.float32))
    assert (scales == scales.astype(np.float16)).all()
    assert (scales >= LEAST_HALF).all()


@pytest.mark.parametrize("size", [1.0, 1e-2, 1e-5])
def test_what_rounding_a_scale_costs_is_made_up_for_by_the_integers(size: float) -> None:
    """The error is at most half a step of the scale that is stored: so the integers belong to this scale."""
    made = quantized(WEIGHTS * np.float32(size), axis=1, half=True)
    assert (made.scales == made.scales.astype(np.float16)).all()
    error = np.abs(made.values * made.scales - WEIGHTS * np.float32(size))
    clipped = np.abs(made.values) == 127
    assert (error <= made.scales * 0.5001)[~clipped].all()
    assert error.max() <= made.scales.max() * 0.6
