"""Weights as integers: int8, symmetric, a scale for each output (or for each word of a table)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LIMIT = 127


@dataclass(frozen=True)
class Integers:
    """`values * scales` along `axis` is close to the original.

    Attributes:
        values: int8 of (rows, columns), -127 to 127.
        scales: float32 of (columns,) for axis 1, of (rows,) for axis 0.
    """

    values: NDArray[np.int8]
    scales: NDArray[np.float32]


def quantized(matrix: NDArray[np.float32], axis: int) -> Integers:
    """The matrix with one scale for each index along `axis`: 1 for weights of (inputs, outputs), 0 for a table."""
    largest = np.abs(matrix).max(axis=1 - axis, keepdims=True)
    scales = np.where(largest > 0, largest / LIMIT, 1).astype(np.float32)
    values = np.clip(np.rint(matrix / scales), -LIMIT, LIMIT).astype(np.int8)
    return Integers(np.ascontiguousarray(values), scales.reshape(-1))
