"""One comparison for answers, arrays and tensors: equal structures, and numbers within a tolerance."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pytest

ATOL = 1e-5
"""float32 sums in another order: tiny networks of two layers stay within a few units of 1e-6."""


def assert_same(got: Any, expected: Any, tolerance: float = ATOL, at: str = "") -> None:
    """Equal types, keys in one order, lengths and shapes; numbers differ by `tolerance`, relative or absolute, at most.

    A result is compared as the dict of its fields where a dict is expected, and an array or tensor by its numbers, none
    of which may be NaN. `at` names the place in the error.
    """
    if isinstance(expected, Mapping):
        got = dataclasses.asdict(got) if dataclasses.is_dataclass(got) and not isinstance(got, type) else got
        assert list(got) == list(expected), at
        for key, value in expected.items():
            assert_same(got[key], value, tolerance, f"{at}/{key}")
    elif dataclasses.is_dataclass(expected):
        assert type(got) is type(expected), at
        for field in dataclasses.fields(expected):
            assert_same(getattr(got, field.name), getattr(expected, field.name), tolerance, f"{at}/{field.name}")
    elif hasattr(expected, "shape"):
        _assert_same_numbers(got, expected, tolerance, at)
    elif isinstance(expected, Iterable) and not isinstance(expected, str | bytes):
        assert len(got) == len(expected), at  # type: ignore[arg-type]  # of a list or tuple
        for i, (one, other) in enumerate(zip(got, expected, strict=True)):
            assert_same(one, other, tolerance, f"{at}/{i}")
    elif isinstance(expected, float):
        assert isinstance(got, float | np.floating), at
        assert got == pytest.approx(expected, rel=tolerance, abs=tolerance), at
    else:
        assert (type(got), got) == (type(expected), expected), at


def _assert_same_numbers(got: Any, expected: Any, tolerance: float, at: str) -> None:
    assert tuple(got.shape) == tuple(expected.shape), at
    one, other = np.asarray(got), np.asarray(expected)
    assert not np.isnan(one.astype(np.float64)).any(), at
    np.testing.assert_allclose(one, other, rtol=0, atol=tolerance, err_msg=at)
