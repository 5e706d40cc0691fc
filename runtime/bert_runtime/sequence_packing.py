"""Several texts in a row: sequence packing, and the way there and back.

A row of a batch holds texts one after another, each of which attends to itself alone (Krell et al. 2021, "Efficient
sequence packing without cross-contamination"). There is hardly any padding, and all batches have nearly the same number
of tokens, whatever the lengths of the texts. An engine that compiles each new number of tokens compiles few.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bert_runtime.schedule import BatchLimits, width
from bert_runtime.tasks.task import Features, IntArray, Outputs
from bert_runtime.tasks.tensors import TYPES, TensorSpec

WIDTH = 256
"""Tokens of a row, unless a text has more: attention costs the more the wider a row is, and little is left over where a
row holds many texts. 128 was level on real texts: docs/decisions/sequence-packing.md."""

Row = list[int]
"""Which texts a row holds, in order."""


@dataclass(frozen=True)
class Segment:
    """Where a text stands in a batch.

    Attributes:
        row, text: its row, and which of the row's texts it is.
        first: the row's token that it begins at.
        mask: which of the row's masks is its first.
    """

    row: int
    text: int
    first: int
    mask: int


def plan_packed(features: Sequence[Features], limits: BatchLimits) -> list[list[Row]]:
    """Indices of `features` as rows, and these in batches within `limits`, the widest first; a row that exceeds the
    limits alone is its own batch. `limits.max_batch_size` counts rows, and `limits.max_padding` does not matter.

    If `limits` asks for few shapes, the last batch has a power of two of rows, some of them without a text.
    """
    lengths = [len(row.ids) for row in features]
    rows = fill(lengths, min(WIDTH, limits.max_batch_tokens))
    used = [sum(lengths[i] for i in row) for row in rows]
    order = sorted(range(len(rows)), key=lambda n: used[n], reverse=True)
    batches: list[list[Row]] = []
    while order:
        most = max(1, min(limits.max_batch_size, limits.max_batch_tokens // width(used[order[0]], limits)))
        batch = [rows[n] for n in order[:most]]
        size = min(most, 1 << (len(batch) - 1).bit_length()) if limits.is_coarse else len(batch)
        batches.append(batch + [[]] * (size - len(batch)))
        order = order[most:]
    return batches


def fill(lengths: Sequence[int], least: int = WIDTH) -> list[Row]:
    """Texts of these lengths in rows: the longest first, each into the row where it leaves least room (best fit
    decreasing), or into a new one of `least` tokens, twice as many if it has more, and so on."""
    rows: list[Row] = []
    with_room: dict[int, list[int]] = {}  # tokens of room -> rows
    rooms = 0  # bit n: there are rows with room for n tokens
    for i in sorted(range(len(lengths)), key=lambda i: lengths[i], reverse=True):
        fitting = rooms >> lengths[i] << lengths[i]
        if fitting:
            room = (fitting & -fitting).bit_length() - 1
            n = with_room[room].pop()
            rooms ^= 0 if with_room[room] else 1 << room
        else:
            room, n = _new_row(lengths[i], least), len(rows)
            rows.append([])
        rows[n].append(i)
        left = room - lengths[i]
        with_room.setdefault(left, []).append(n)
        rooms |= 1 << left
    return rows


def _new_row(length: int, least: int) -> int:
    """Tokens that a row has room for, whose first text has `length`."""
    room = least
    while room < length:
        room *= 2
    return room


def fullest(rows: Sequence[Row], features: Sequence[Features]) -> int:
    """The tokens of the row that holds most."""
    return max(sum(len(features[i].ids) for i in row) for row in rows)


def pack(
    rows: Sequence[Row], features: Sequence[Features], pad_id: int, inputs: Sequence[TensorSpec], least: int = 0
) -> tuple[dict[str, IntArray], dict[int, Segment]]:
    """The inputs of the graph for sequence packing, and where each text stands.

    The inputs are int64 of (batch, sequence), padded to `least` tokens if no row has as many.

    `positions`, (batch, texts) or (batch, masks), has at least a power of two of columns; unused entries are 0.
    """
    segments = {i: segment for n, row in enumerate(rows) for i, segment in _segments(n, row, features)}
    shape = len(rows), max(least, fullest(rows, features))
    feeds = {spec.name: np.zeros(shape, np.int64) for spec in inputs if "sequence" in spec.axes}
    feeds["input_ids"][:] = pad_id
    for i, segment in segments.items():
        text = features[i]
        own = segment.row, slice(segment.first, segment.first + len(text.ids))
        feeds["input_ids"][own] = text.ids
        if TYPES in feeds:
            feeds[TYPES][own] = text.type_ids
        feeds["sequence_ids"][own] = text.mask * (segment.text + 1)
        feeds["position_ids"][own] = np.arange(len(text.ids))
    for spec in inputs:
        if spec.axes[1] == "texts":
            feeds[spec.name] = _columns(len(rows), {i: np.zeros(1, np.int64) for i in segments}, segments, "text")
        elif spec.axes[1] == "masks":
            own_masks = {i: positions for i in segments if (positions := features[i].positions) is not None}
            feeds[spec.name] = _columns(len(rows), own_masks, segments, "mask")
    return feeds, segments


def _segments(n: int, row: Row, features: Sequence[Features]) -> Iterator[tuple[int, Segment]]:
    first = mask = 0
    for text, i in enumerate(row):
        yield i, Segment(n, text, first, mask)
        first += len(features[i].ids)
        mask += 0 if (positions := features[i].positions) is None else len(positions)


def _columns(rows: int, positions: Mapping[int, IntArray], segments: Mapping[int, Segment], counted: str) -> IntArray:
    """Places in texts as segments in rows; `counted` says which field of a Segment is the column of a text's first."""
    columns = {i: getattr(segments[i], counted) for i in positions}
    most = max((columns[i] + len(own) for i, own in positions.items()), default=0)
    found = np.zeros((rows, 1 << max(0, most - 1).bit_length()), np.int64)
    for i, own in positions.items():
        found[segments[i].row, columns[i] : columns[i] + len(own)] = segments[i].first + own
    return found


def unpack(
    outputs: Outputs, segments: Mapping[int, Segment], features: Sequence[Features], specs: Sequence[TensorSpec]
) -> Iterator[tuple[int, dict[str, NDArray[np.float32]]]]:
    """Each text's index and its own outputs, as a batch of its own would give them."""
    present = [spec for spec in specs if spec.name in outputs]
    for i, segment in segments.items():
        yield (
            i,
            {spec.name: _own(outputs[spec.name][segment.row], spec.axes[1], segment, features[i]) for spec in present},
        )


def _own(row: NDArray[np.float32], axis: str, segment: Segment, text: Features) -> NDArray[np.float32]:
    """A text's part of what the graph says of its row."""
    if axis == "texts":
        own: NDArray[np.float32] = row[segment.text]
        return own
    if axis == "masks":
        return row[segment.mask : segment.mask + (0 if text.positions is None else len(text.positions))]
    return row[segment.first : segment.first + len(text.ids)]
