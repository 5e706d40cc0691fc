"""What each method makes of an activation whose numbers are known."""

from __future__ import annotations

import numpy as np
import pytest

from bert_calibration.errors import CalibrationError
from bert_calibration.observe import Activation
from bert_calibration.ranges import METHODS, Range, entropy, minmax, percentile, ranges_of, smooth

RANDOM = np.random.default_rng(0)


def seen(values: np.ndarray, weights: np.ndarray | None = None) -> Activation:
    values = values.astype(np.float32)
    largest = np.ones(values.shape[1], dtype=np.float32) if weights is None else weights.astype(np.float32)
    return Activation(values.min(axis=0), values.max(axis=0), values, largest)


def normal_with_one_outlier() -> Activation:
    values = RANDOM.normal(size=(2000, 8))
    values[7, 3] = 100.0
    return seen(values)


def test_minmax_covers_everything() -> None:
    assert minmax(normal_with_one_outlier()).high == 100.0


@pytest.mark.parametrize("method", [percentile, entropy])
def test_an_outlier_does_not_widen_the_range(method) -> None:  # type: ignore[no-untyped-def]
    assert method(normal_with_one_outlier()).high < 10.0


def test_a_range_always_holds_zero() -> None:
    assert minmax(seen(np.full((4, 2), 3.0))) == Range(0.0, 3.0)
    assert minmax(seen(np.full((4, 2), -3.0))) == Range(-3.0, 0.0)


def test_smoothing_evens_out_the_channels_and_leaves_the_product_as_it_was() -> None:
    values = RANDOM.normal(size=(100, 4)) * [1, 1, 1, 50]
    weights = RANDOM.normal(size=(4, 3))
    found = smooth(seen(values, np.abs(weights).max(axis=1)))
    factors = np.array(found.smooth)

    spread = np.abs(values / factors).max(axis=0)
    assert spread.max() / spread.min() < 5  # from 50
    np.testing.assert_allclose((values / factors) @ (weights * factors[:, None]), values @ weights)


def test_smoothing_covers_the_divided_channels() -> None:
    values = RANDOM.normal(size=(100, 4))
    found = smooth(seen(values))
    divided = values.astype(np.float32) / np.array(found.smooth, dtype=np.float32)

    assert (found.low, found.high) == (divided.min(), divided.max())


def test_a_channel_that_is_always_zero_has_a_finite_factor() -> None:
    values = RANDOM.normal(size=(100, 4)) * [1, 0, 1, 1]

    assert np.isfinite(smooth(seen(values)).smooth).all()


@pytest.mark.parametrize("method", METHODS)
def test_an_activation_that_is_always_zero_has_a_scale(method: str) -> None:
    found = METHODS[method](seen(np.zeros((10, 4))))

    assert found.unsigned()[0] > 0
    assert found.signed() > 0


def test_unsigned_integers_reach_both_ends_and_zero_is_exact() -> None:
    scale, zero = Range(-1.0, 3.0).unsigned()

    assert (0 - int(zero)) * scale == pytest.approx(-1.0, abs=float(scale))
    assert (255 - int(zero)) * scale == pytest.approx(3.0, abs=float(scale))


def test_signed_integers_are_symmetric_around_zero() -> None:
    assert Range(-1.0, 12.7).signed() == pytest.approx(0.1)


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(CalibrationError, match="the method is 'best', expected one of minmax, percentile"):
        ranges_of({}, "best", "0" * 64, 1)
