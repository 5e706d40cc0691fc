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


@dataclass(frozen=True)
class Budget:
    """The size of a batch: at most `tokens` tokens, padding included, and at most `rows` rows."""

    tokens: int = 2048
    rows: int = 64

    def __post_init__(self) -> None:
        problems = [f"{name} is {value}, expected at least 1" for name, value in vars(self).items() if value < 1]
        if problems:
            raise InputError(problems)


def plan(features: Sequence[Features], budget: Budget) -> list[list[int]]:
    """Indices of `features` in batches; a row that exceeds the budget alone is a batch of its own.

    Only rows with the same number of choices share a batch.
    """
    if len(features) == 1:
        return [[0]]
    order = sorted(range(len(features)), key=lambda i: (features[i].ids.shape, _masks(features[i])))
    batches: list[list[int]] = []
    for i in order:
        ids = features[i].ids
        last = batches[-1] if batches else None
        alike = last is not None and ids.shape[:-1] == features[last[0]].ids.shape[:-1]
        # Sorted by length: the new row is the longest, so it decides the width of the whole batch.
        if last and alike and len(last) < budget.rows and (len(last) + 1) * ids.size <= budget.tokens:
            last.append(i)
        else:
            batches.append([i])
    return batches


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
