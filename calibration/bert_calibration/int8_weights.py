"""Weights as integers: int8, symmetric, a scale for each output (or for each word of a table)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LIMIT = 127

LEAST_HALF = float(np.finfo(np.float16).tiny)
"""6.1e-5: below it half precision loses digits."""


@dataclass(frozen=True)
class Integers:
    """`values * scales` along `axis` is close to the original.

    Attributes:
        values: int8 of (rows, columns), -127 to 127.
        scales: float32 of (columns,) for axis 1, of (rows,) for axis 0.
    """

    values: NDArray[np.int8]
    scales: NDArray[np.float32]


def quantized(matrix: NDArray[np.float32], axis: int, half: bool = False) -> Integers:
    """The matrix with one scale for each index along `axis`: 1 for weights of (inputs, outputs), 0 for a table.

    With `half` the scales are such that half precision holds them exactly.
    """
    largest = np.abs(matrix).max(axis=1 - axis, keepdims=True)
    scales = np.where(largest > 0, largest / LIMIT, 1).astype(np.float32)
    if half:
        scales = half_scales(scales)
    values = np.clip(np.rint(matrix / scales), -LIMIT, LIMIT).astype(np.int8)
    return Integers(np.ascontiguousarray(values), scales.reshape(-1))


def half_scales(scales: NDArray[np.float32]) -> NDArray[np.float32]:
    """The nearest scales that half precision holds with all its digits: never zero, which TensorRT refuses.

    Integers are computed with these, not with the exact ones: what rounding a scale costs is then in the integers.
    """
    held: NDArray[np.float32] = np.maximum(scales, LEAST_HALF).astype(np.float16).astype(np.float32)
    return held
