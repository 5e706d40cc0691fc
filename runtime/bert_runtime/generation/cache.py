"""Keys and values of the tokens read so far, in memory that is taken once for a whole generation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bert_runtime.backends.engine import Array
from bert_runtime.errors import BackendError
from bert_runtime.manifest import Artefact
from bert_runtime.tasks.task import IntArray
from bert_runtime.tasks.tensors import TensorSpec


@dataclass
class _Slot:
    """A key or value tensor of one layer: as the graph reads it and as it writes it, each with a flat block."""

    past: TensorSpec
    present: TensorSpec
    read: Array
    write: Array

    def swap(self) -> None:
        self.read, self.write = self.write, self.read


class Cache:
    """Two blocks for each tensor: one holds the past, the other takes the present, and then they change places.

    Nothing is copied from token to token: the engine reads and writes the blocks where they lie. Tensors change their
    shape with each token; any shape is a view of the front of its block. Pages that no token has reached cost nothing.
    """

    def __init__(self, artefact: Artefact, sizes: Mapping[str, int], tokens: int) -> None:
        """Room for `tokens` tokens, counted over all rows.

        Raises:
            BackendError: there is no memory for it.
        """
        self._sizes = sizes
        past = [spec for spec in artefact.inputs if "past" in spec.axes]
        present = [spec for spec in artefact.outputs if "total" in spec.axes]
        self._slots = [
            _Slot(before, after, self._block(before, tokens), self._block(after, tokens))
            for before, after in zip(past, present, strict=True)
        ]
        self.rows, self.total = 0, 0

    def past(self, rows: int) -> dict[str, Array]:
        """The graph's inputs: what the last run left; before the first, rows of no tokens."""
        return {slot.past.name: self._view(slot.read, slot.past, rows, self.total) for slot in self._slots}

    def present(self, rows: int, total: int) -> dict[str, Array]:
        """The graph's outputs: room for `rows` rows of `total` tokens."""
        return {slot.present.name: self._view(slot.write, slot.present, rows, total) for slot in self._slots}

    def advance(self, rows: int, total: int) -> None:
        """The present has been written: it is the past of the next run."""
        self.rows, self.total = rows, total
        for slot in self._slots:
            slot.swap()

    def reorder(self, sources: IntArray) -> None:
        """Put the row `sources[i]` of the past at row i; rows may be taken several times, or never."""
        for slot in self._slots:
            rows = self._view(slot.read, slot.past, self.rows, self.total)
            kept = self._view(slot.write, slot.past, len(sources), self.total)
            np.take(rows, sources, axis=0, out=kept, mode="clip")  # the other modes copy `out`
            slot.swap()
        self.rows = len(sources)

    def absorb(self, other: Cache, firsts: tuple[int, int], tokens: int) -> None:
        """Put the rows of `other` after its own, all of one width, in blocks with room for `tokens` tokens.

        Args:
            firsts: the column from which on each of the two caches is needed; what lies before it is padding of every
                row. The narrower one is padded on the left.

        Raises:
            BackendError: there is no memory for it.
        """
        widths = [cache.total - first for cache, first in zip((self, other), firsts, strict=True)]
        rows, width = self.rows + other.rows, max(widths)
        blocks = [[self._block(spec, tokens) for spec in (slot.past, slot.present)] for slot in self._slots]
        for slot, theirs, (read, write) in zip(self._slots, other._slots, blocks, strict=True):
            past = self._view(read, slot.past, rows, width)  # (rows, heads, tokens, size)
            past[: self.rows, :, : width - widths[0]] = 0
            past[self.rows :, :, : width - widths[1]] = 0
            own = self._view(slot.read, slot.past, self.rows, self.total)
            past[: self.rows, :, width - widths[0] :] = own[:, :, firsts[0] :]
            own = self._view(theirs.read, slot.past, other.rows, other.total)
            past[self.rows :, :, width - widths[1] :] = own[:, :, firsts[1] :]
            slot.read, slot.write = read, write
        self.rows, self.total = rows, width

    def _block(self, spec: TensorSpec, tokens: int) -> Array:
        each = math.prod(self._sizes[axis] for axis in spec.axes if axis in self._sizes)
        try:
            return np.empty(each * tokens, dtype=spec.dtype)
        except (MemoryError, ValueError) as error:  # ValueError: more than an address can count
            what = f"{each} values of {spec.name} for each of {tokens} tokens"
            raise BackendError(
                f"no memory for a cache of {what}; lower max_new_tokens, num_beams, or the limits of batches"
            ) from error

    def _view(self, block: Array, spec: TensorSpec, rows: int, tokens: int) -> Array:
        sizes = {"batch": rows, "past": tokens, "total": tokens, **self._sizes}
        shape = [sizes[axis] for axis in spec.axes]
        return block[: math.prod(shape)].reshape(shape)
