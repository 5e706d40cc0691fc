"""Batches with padding, the work that is in them, and the least time that a machine can do it in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from benchmarks.workload import MASK_ID, Case, Feeds, Size


@dataclass(frozen=True, order=True)
class Shape:
    """A batch of `batch` rows of `sequence` tokens: the share `fill` of them is text, the rest padding on the right."""

    batch: int
    sequence: int
    fill: float

    @property
    def name(self) -> str:
        """For people: `b8 s128, 50% filled`."""
        return f"{Case(self.batch, self.sequence).name}, {self.fill:.0%} filled"

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The tokens of each row: evenly spread about the mean, half as many to one and a half times as many, no more
        than fit; in a fixed order that mixes them."""
        half = min(self.fill / 2, 1 - self.fill)
        if self.batch == 1:
            half = 0.0
        shares = np.linspace(self.fill - half, self.fill + half, self.batch)
        lengths = np.clip(np.rint(shares * self.sequence), 3, self.sequence).astype(np.int64)
        return np.random.default_rng(0).permutation(lengths)

    def feeds(self) -> Feeds:
        """Random ids with a mask token in the second place of each row, which `positions` (batch, 1) names."""
        feeds = Case(self.batch, self.sequence).feeds()
        real = np.arange(self.sequence) < self.lengths[:, np.newaxis]
        ids = np.where(real, feeds["input_ids"], 0)
        ids[:, 1] = MASK_ID
        return {
            "input_ids": ids,
            "attention_mask": real.astype(np.int64),
            "token_type_ids": np.zeros_like(ids),
            "positions": np.ones((self.batch, 1), np.int64),
        }


def shapes(batches: Iterable[int], lengths: Iterable[int], fills: Iterable[float]) -> list[Shape]:
    """Every combination, the least work first: what time runs out for is the largest."""
    every = {Shape(*sizes) for sizes in product(batches, lengths, fills)}
    return sorted(every, key=lambda shape: (shape.batch * shape.sequence, shape.sequence, shape.fill))


def some_rows(feeds: Feeds, most: int = 4) -> tuple[list[int], Feeds]:
    """Up to `most` rows from the first to the last, by number and in feeds of their own."""
    rows = np.unique(np.linspace(0, len(feeds["input_ids"]) - 1, most).astype(int)).tolist()
    return rows, {name: array[rows] for name, array in feeds.items()}


@dataclass(frozen=True)
class Ceilings:
    """What the hardware was seen to do at best.

    Attributes:
        precision: of the products.
        flops: floating point operations a second in a large product of matrices, an addition counted as one.
        bandwidth: bytes a second in a copy, read and written.
    """

    precision: str
    flops: float
    bandwidth: float

    def floor(self, shape: Shape, size: Size) -> float:
        """Milliseconds that the encoder cannot fall below: its products at the ceiling, or its weights read once.

        Padding counts for nothing: an engine may leave it out. Embeddings and the head are not counted. An engine that
        computes less than the whole encoder, as ours for heads that read one token, can be below; so can small
        networks, whose weights stay in the cache.
        """
        element = 4 if self.precision == "fp32" else 2
        seconds = max(_operations(shape.lengths.tolist(), size) / self.flops, _weights(size) * element / self.bandwidth)
        return seconds * 1e3


def _weights(size: Size) -> int:
    """Of the encoder's products: queries, keys, values and output, and the two of the wide half, in each layer."""
    return size.layers * (4 * size.hidden**2 + 2 * size.hidden * size.intermediate)


def _operations(lengths: Sequence[int], size: Size) -> int:
    """Two for each weight and token, and in each layer four for each pair of tokens and hidden unit: the scores, and
    the sum that they weigh."""
    tokens, pairs = sum(lengths), sum(length**2 for length in lengths)
    return 2 * _weights(size) * tokens + 4 * size.layers * size.hidden * pairs
