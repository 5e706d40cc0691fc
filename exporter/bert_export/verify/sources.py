"""Sources for a decoder that reads an encoder: states that were never traced, with every mask, shared or not."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bert_export.verify.sweep import MASKS, Case, mask_of

LENGTHS = (2, 7, 40, 130)
"""Tokens of a source; a decoder sets no bound to them."""


def with_sources(cases: Iterable[Case], width: int) -> Iterator[Case]:
    """Every case with sources of its own: single rows with each length and each mask in turn, batches with all masks.

    A batch comes once more with half as many sources, each of which two rows read, as beams do.
    """
    singles, batches = itertools.cycle(itertools.product(LENGTHS, MASKS)), itertools.cycle(LENGTHS)
    for case in cases:
        rows = len(case.feeds["input_ids"])
        if rows == 1:
            length, kind = next(singles)
            yield _with(case, length, (kind,), width)
            continue
        length = next(batches)
        kinds = list(itertools.islice(itertools.cycle(MASKS), rows))
        yield _with(case, length, kinds, width)
        yield _with(case, length, kinds[rows // 2 :], width)


def _with(case: Case, length: int, kinds: Sequence[str], width: int) -> Case:
    name = f"{case.name}, {len(kinds)} sources of {length}, mask {'/'.join(kinds)}"
    return replace(case, name=name, feeds=case.feeds | source_feeds(name, length, kinds, width))


def source_feeds(name: str, length: int, kinds: Sequence[str], width: int) -> dict[str, NDArray[Any]]:
    """Random states, of the size that LayerNorm gives them, and masks; the same for the same name."""
    random = np.random.default_rng(zlib.crc32(name.encode()))
    return {
        "encoder_hidden_states": random.standard_normal((len(kinds), length, width)).astype(np.float32),
        "encoder_attention_mask": np.stack([mask_of(kind, (length,), random) for kind in kinds]),
    }
