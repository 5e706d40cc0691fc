"""Which rows run together: batches of similar length under a token budget, and the way there and back.

Padding is work without an answer. Rows of many requests are sorted by length and cut into batches that hold at most
`tokens` tokens, padding included, so that a long row never widens many short ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bert_runtime.errors import InputError
from bert_runtime.tasks.task import Features, IntArray, Outputs, TensorSpec

SLACK = 16
"""Tokens of padding in a batch that are always fine: a batch more would cost as much."""


@dataclass(frozen=True)
class Budget:
    """How work is cut: at most `tokens` tokens, padding included, and at most `rows` rows in a batch; a row that would
    make more than the share `padding` of a batch padding begins another."""

    tokens: int = 2048
    rows: int = 64
    padding: float = 0.05

    def __post_init__(self) -> None:
        least = {"tokens": 1, "rows": 1, "padding": 0}
        values = vars(self)
        problems = [
            f"{name} is {values[name]}, expected at least {low}"
            for name, low in least.items()
            if not values[name] >= low
        ]
        if problems:
            raise InputError(problems)


@dataclass(frozen=True)
class Schedule:
    """`budget` for each batch. As many threads as `streams` says run them beside the caller's own; 0: it runs them."""

    budget: Budget = Budget()
    streams: int = 0


def plan(features: Sequence[Features], budget: Budget) -> list[list[int]]:
    """Indices of `features` in batches, the longest rows first; a row that exceeds the budget alone is its own batch.

    Only rows with the same number of choices share a batch. Memory for the longest serves all that come after, and
    while they run there is time to encode what comes next.
    """
    if len(features) == 1:
        return [[0]]
    order = sorted(range(len(features)), key=lambda i: (features[i].ids.shape, _masks(features[i])))
    batches: list[list[int]] = []
    own = 0  # tokens of the last batch, padding left out
    for i in order:
        ids = features[i].ids
        last = batches[-1] if batches else None
        alike = last is not None and ids.shape[:-1] == features[last[0]].ids.shape[:-1]
        # Sorted by length: the new row is the longest, so it decides the width of the whole batch.
        if last and alike and _fits(budget, len(last) + 1, ids.size, own + ids.size):
            last.append(i)
            own += ids.size
        else:
            batches.append([i])
            own = ids.size
    return batches[::-1]


def _fits(budget: Budget, rows: int, size: int, own: int) -> bool:
    """Whether `rows` rows of `size` tokens, `own` of them no padding, are one batch."""
    whole = rows * size
    return rows <= budget.rows and whole <= budget.tokens and whole - own <= max(SLACK, budget.padding * whole)


def collate(rows: Sequence[Features], pad_id: int) -> dict[str, IntArray]:
    """The graph's inputs for one batch, right padded: int64 of (batch, sequence) or (batch, choices, sequence)."""
    feeds = {
        "input_ids": _pad([row.ids for row in rows], pad_id),
        "attention_mask": _pad([row.mask for row in rows], 0),
        "token_type_ids": _pad([row.type_ids for row in rows], 0),
    }
    positions = [row.positions for row in rows if row.positions is not None]
    if positions:
        feeds["positions"] = _pad(positions, 0)
    return feeds


def split(
    outputs: Outputs, rows: Sequence[Features], specs: Sequence[TensorSpec]
) -> list[dict[str, NDArray[np.float32]]]:
    """Each row's own outputs, without the batch axis and without what padding added."""
    if len(rows) == 1:  # nothing was padded
        return [{name: output[0] for name, output in outputs.items()}]
    return [
        {spec.name: outputs[spec.name][i][_own(spec, row)] for spec in specs if spec.name in outputs}
        for i, row in enumerate(rows)
    ]


def _own(spec: TensorSpec, row: Features) -> tuple[slice, ...]:
    sizes = {"sequence": row.ids.shape[-1], "masks": _masks(row)}
    return tuple(slice(sizes.get(axis)) for axis in spec.axes[1:])


def _masks(row: Features) -> int:
    return 0 if row.positions is None else len(row.positions)


def _pad(arrays: Sequence[IntArray], value: int) -> IntArray:
    """Stack arrays whose last axes differ in length."""
    if len(arrays) == 1:
        return arrays[0][np.newaxis]
    width = max(array.shape[-1] for array in arrays)
    batch = np.full((len(arrays), *arrays[0].shape[:-1], width), value, dtype=np.int64)
    for i, array in enumerate(arrays):
        batch[i, ..., : array.shape[-1]] = array
    return batch
