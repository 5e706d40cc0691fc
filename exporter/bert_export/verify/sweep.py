"""Shapes and masks that a graph must answer right although it was traced with others."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bert_runtime.tasks.task import IntArray, Reads, Task

MASKS = ("none", "right", "left", "holes")

CONTRACTS: Mapping[str, tuple[str, ...]] = {"any": MASKS, "right_padded": ("none", "right", "ragged", "one")}
"""What an artefact says of the masks that it answers right -> the kinds of masks to try."""


@dataclass(frozen=True)
class Case:
    """One call of the graph: its name in the report and its inputs by name, int64 but for an encoder's states.

    Of a graph with a cache, these are the whole sequence, which may also be read piece by piece.
    """

    name: str
    feeds: dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Limits:
    """What a checkpoint reads: ids below `vocabulary`, token types below `types`, rows up to `max_length` tokens."""

    vocabulary: int
    types: int
    max_length: int


def cases(task: Task[Any, Any, Any], limits: Limits, plain: bool, kinds: tuple[str, ...] = MASKS) -> Iterator[Case]:
    """Batch 1 with each kind of mask and batch 4 with all at once, for every length (and number of choices).

    The lengths are 2, 7, 33, 128 and the longest; the numbers of choices 1, 2 and 5, the larger ones at short lengths
    alone because their cost is a multiple.
    """
    lengths = sorted({min(length, limits.max_length) for length in (2, 7, 33, 128, limits.max_length)})
    for length in lengths:
        for choices in _choices(task.choices, length):
            for masks in ((kind,) for kind in kinds):
                yield _case(task, limits, (length, choices), masks, plain)
            yield _case(task, limits, (length, choices), kinds, plain)


def _choices(has_choices: bool, length: int) -> tuple[int, ...]:
    if not has_choices:
        return (0,)
    return (1, 2, 5) if length <= 33 else (2,)


def _case(
    task: Task[Any, Any, Any],
    limits: Limits,
    size: tuple[int, int],
    masks: tuple[str, ...],
    plain: bool,
) -> Case:
    length, choices = size
    name = f"batch {len(masks)}, length {length}, mask {'/'.join(masks)}" + (f", choices {choices}" if choices else "")
    random = np.random.default_rng(zlib.crc32(name.encode()))
    shape = (len(masks), choices, length) if choices else (len(masks), length)
    mask = np.stack([mask_of(kind, shape[1:], random) for kind in masks])
    types = np.minimum(np.arange(length) >= random.integers(1, length), limits.types - 1).astype(np.int64)
    feeds: dict[str, NDArray[Any]] = {"input_ids": random.integers(0, limits.vocabulary, shape), "attention_mask": mask}
    if not task.is_autoregressive:
        feeds["token_type_ids"] = np.broadcast_to(types, shape).copy()
    if task.reads is Reads.MASKED_POSITIONS and not plain:
        count = max(1, min(3, int(mask.sum(axis=-1).min())))
        feeds["positions"] = np.stack([random.choice(np.flatnonzero(row), count) for row in mask])
    return Case(name, feeds)


def mask_of(kind: str, shape: tuple[int, ...], random: np.random.Generator) -> IntArray:
    """A mask of `shape` (…, sequence) in which every row keeps at least one token."""
    mask = np.ones(shape, np.int64)
    length = shape[-1]
    cut = max(1, length // 3)
    if kind == "right":
        mask[..., length - cut :] = 0
    elif kind == "left":
        mask[..., :cut] = 0
    elif kind == "holes":
        mask = (random.random(shape) > 0.3).astype(np.int64)
        mask[..., random.integers(0, length)] = 1
    elif kind in ("ragged", "one"):  # rows of any length, padded on the right; rows of one token
        lengths = random.integers(1, length + 1, shape[:-1]) if kind == "ragged" else np.ones(shape[:-1], np.int64)
        mask = (np.arange(length) < lengths[..., None]).astype(np.int64)
    return mask
