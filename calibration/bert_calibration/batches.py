"""Calibration data as serving would run it: encoded by the bundle's own head, in batches of similar length."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bert_calibration.errors import CalibrationError
from bert_runtime.schedule import BatchLimits, collate, plan
from bert_runtime.tasks.request import Request
from bert_runtime.tasks.task import Features, Head, IntArray

FEW = 32
"""Below this many requests a range is mostly luck."""

BUDGET = BatchLimits(max_batch_tokens=512, max_batch_size=64)
"""Smaller than in serving, as all activations of a batch are held at once; an fp32 answer does not depend on it."""


@dataclass(frozen=True)
class Batch:
    """Inputs of one run, and which of their rows are no padding.

    Attributes:
        feeds: input -> int64 of (batch, ..., sequence); those of `schedule.collate`.
        tokens: bool of (batch, ..., sequence).
        masks: bool of (batch, masks): which positions are real; None where the task reads none.
    """

    feeds: dict[str, IntArray]
    tokens: NDArray[np.bool_]
    masks: NDArray[np.bool_] | None

    def kept(self, rows: int) -> NDArray[np.bool_]:
        """Which of an activation's `rows` rows are no padding: bool of (rows,).

        An activation has a row for each token, for each masked position (after the first token, where a pooler reads
        it), or for each text: nothing pads the last.
        """
        candidates = [self.tokens]
        if self.masks is not None:
            candidates += [self.masks, np.pad(self.masks, ((0, 0), (1, 0)), constant_values=True)]
        for mask in candidates:
            if mask.size == rows:
                return mask.reshape(-1)
        return np.ones(rows, dtype=np.bool_)


def batches_of(rows: Sequence[Features], pad_id: int, limits: BatchLimits = BUDGET) -> list[Batch]:
    """The rows in batches of similar length, every row once."""
    return [_batch([rows[i] for i in indices], pad_id) for indices in plan(rows, limits)]


def encode(head: Head[Any, Any, Any], requests: Iterable[Request]) -> list[Features]:
    """Every row of every request, windows of long texts included.

    Raises:
        CalibrationError: there is no request.
        InputError: a request cannot be encoded.
    """
    encoded = [head.encode(request) for request in requests]
    if not encoded:
        raise CalibrationError(
            f"the calibration data holds no request, expected at least {FEW}; give the texts that will be served"
        )
    return [row for each in encoded for row in each.features]


def doubts(requests: int, rows: Sequence[Features]) -> list[str]:
    """What makes this data weak evidence, a sentence each."""
    found = []
    if requests < FEW:
        found.append(
            f"calibrated on {requests} requests, expected at least {FEW}: ranges may be too narrow for other texts;"
            " give more"
        )
    lengths = {row.ids.shape[-1] for row in rows}
    if len(lengths) == 1 and len(rows) > 1:
        found.append(
            f"every calibration text has {lengths.pop()} tokens: texts of other lengths may fall outside the ranges;"
            " give texts of the lengths that will be served"
        )
    return found


def _batch(rows: Sequence[Features], pad_id: int) -> Batch:
    feeds = collate(rows, pad_id)
    positions = feeds.get("positions")
    masks = None
    if positions is not None:
        counts = np.array([0 if row.positions is None else len(row.positions) for row in rows])
        masks = np.arange(positions.shape[1]) < counts[:, np.newaxis]
    return Batch(feeds, feeds["attention_mask"].astype(np.bool_), masks)
