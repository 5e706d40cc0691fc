"""Which rows run together: batches of similar length under a limit of tokens, and each row's own outputs.

Padding is work without an answer. Rows of many requests are sorted by length and cut into batches of at most
`max_batch_tokens` tokens, padding included, so that a long row never widens many short ones. Some engines compile each
new input shape on first use: for these, widths and numbers of tokens are rounded, so that few shapes recur.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from bert_runtime.errors import InputError
from bert_runtime.fields import Range, settle
from bert_runtime.tasks.task import Features, IntArray, Outputs
from bert_runtime.tasks.tensors import TensorSpec

SLACK = 16
"""Tokens of padding in a batch that are always fine: a batch more would cost as much."""


@dataclass(frozen=True)
class BatchLimits:
    """How work is cut.

    Attributes:
        max_batch_tokens: the most tokens in a batch, padding included.
        max_batch_size: the most rows in a batch.
        max_padding: a row that would raise the share of padding in a batch above this begins another batch. Tokens that
            `pad_to_multiple_of` adds do not count.
        pad_to_multiple_of: pad batch widths to a multiple of this many tokens, and to at most four widths per power of
            two (256, 320, 384, 448) or the model's own limit. The number of tokens in a batch is rounded in the same
            way. 1 pads to the longest row; None takes what suits the engine.
        max_wait: seconds. Once `predict` has waited this long for its source, it answers what it has read, however
            small the batch. A list is never waited for.

    Raises:
        InputError: on construction, with every value of a wrong type or out of range.
    """

    max_batch_tokens: Annotated[int, Range(1)] = 2048
    max_batch_size: Annotated[int, Range(1)] = 64
    max_padding: Annotated[float, Range(0)] = 0.05
    pad_to_multiple_of: Annotated[int, Range(1)] | None = None
    max_wait: Annotated[float, Range(0)] = 0.05

    def __post_init__(self) -> None:
        problems = settle(self)
        if problems:
            raise InputError(problems)

    @property
    def is_coarse(self) -> bool:
        """Whether batches have round shapes."""
        return (self.pad_to_multiple_of or 1) > 1


@dataclass(frozen=True)
class Schedule:
    """`limits` for each batch. As many threads as `streams` says run them beside the caller's own; 0: it runs them.
    For `concurrency` see Model."""

    limits: BatchLimits = BatchLimits()
    streams: int = 0
    concurrency: int = 1


def plan(features: Sequence[Features], limits: BatchLimits) -> list[list[int]]:
    """Indices of `features` in batches, the longest rows first; a row that exceeds the limits alone is its own batch.

    Only rows with the same number of choices share a batch. Memory for the longest serves all that come after, and
    while they run there is time to encode what comes next.
    """
    if len(features) == 1:
        return [[0]]
    order = sorted(range(len(features)), key=lambda i: (features[i].ids.shape, _masks(features[i])))
    batches: list[list[int]] = []
    begun = 0
    while begun < len(order):
        count = _together([features[i].ids.shape for i in order[begun : begun + limits.max_batch_size]], limits)
        batches.append(order[begun : begun + count])
        begun += count
    return batches[::-1]


def _together(shapes: Sequence[tuple[int, ...]], limits: BatchLimits) -> int:
    """How many of the first rows are one batch; the shapes of their ids are sorted, so the last decides the width."""
    own = count = 0  # tokens without padding, but for what widths are rounded up by; rows
    for shape in shapes:
        size = _size(shape, limits)
        own += size
        if count and not (shape[:-1] == shapes[0][:-1] and _fits(limits, count + 1, size, own)):
            break
        count += 1
    if limits.is_coarse:
        return next((rows for rows in range(count, 1, -1) if is_round(rows * _size(shapes[rows - 1], limits))), 1)
    return count


def _size(shape: tuple[int, ...], limits: BatchLimits) -> int:
    """Tokens of a row whose ids have this shape, in a batch of rows that are no longer."""
    return math.prod(shape[:-1]) * width(shape[-1], limits)


def width(length: int, limits: BatchLimits) -> int:
    """Of a batch whose longest row has `length` tokens."""
    if not limits.is_coarse:
        return length
    step = _up(_step(length), limits.pad_to_multiple_of or 1)
    return _up(length, step)


def _up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple


def is_round(number: int) -> bool:
    """Whether it is a round number of tokens; see BatchLimits."""
    return number % _step(number) == 0


def _step(number: int) -> int:
    """From a round number to the next."""
    return 1 << max(0, number.bit_length() - 3)


def _fits(limits: BatchLimits, rows: int, size: int, own: int) -> bool:
    """Whether `rows` rows of `size` tokens, `own` of them no padding, are one batch."""
    whole = rows * size
    return (
        rows <= limits.max_batch_size
        and whole <= limits.max_batch_tokens
        and whole - own <= max(SLACK, limits.max_padding * whole)
    )


def collate(rows: Sequence[Features], pad_id: int, least: int = 0) -> dict[str, IntArray]:
    """The graph's inputs for one batch, right padded to the longest row, or to `least` tokens if that is more: int64 of
    (batch, sequence) or (batch, choices, sequence)."""
    feeds = {
        "input_ids": _pad([row.ids for row in rows], pad_id, least),
        "attention_mask": _pad([row.mask for row in rows], 0, least),
        "token_type_ids": _pad([row.type_ids for row in rows], 0, least),
    }
    positions = [row.positions for row in rows if row.positions is not None]
    if positions:
        feeds["positions"] = _pad(positions, 0)
    return feeds


def split(
    outputs: Outputs, rows: Sequence[Features], specs: Sequence[TensorSpec]
) -> list[dict[str, NDArray[np.float32]]]:
    """Each row's own outputs, without the batch axis and without what padding added."""
    return [
        {spec.name: outputs[spec.name][i][_own(spec, row)] for spec in specs if spec.name in outputs}
        for i, row in enumerate(rows)
    ]


def _own(spec: TensorSpec, row: Features) -> tuple[slice, ...]:
    sizes = {"sequence": row.ids.shape[-1], "masks": _masks(row)}
    return tuple(slice(sizes.get(axis)) for axis in spec.axes[1:])


def _masks(row: Features) -> int:
    return 0 if row.positions is None else len(row.positions)


def _pad(arrays: Sequence[IntArray], value: int, least: int = 0) -> IntArray:
    """Stack arrays whose last axes differ in length, or are shorter than `least`."""
    width = max(least, *(array.shape[-1] for array in arrays))
    if len(arrays) == 1 and arrays[0].shape[-1] == width:
        return arrays[0][np.newaxis]
    batch = np.full((len(arrays), *arrays[0].shape[:-1], width), value, dtype=np.int64)
    for i, array in enumerate(arrays):
        batch[i, ..., : array.shape[-1]] = array
    return batch
