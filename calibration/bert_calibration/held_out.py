"""Which samples calibrate, and which judge: never the same text, and each text once.

Samples are the same where the model sees the same tokens, whatever the lines say. A unit is what a metric counts:
mostly one sample, two for a pair of texts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from bert_runtime.tasks.task import Encoded, IntArray

Rows: TypeAlias = tuple[IntArray, IntArray, IntArray]
"""Ids, types and mask."""

DIGITS = 16
"""Hexadecimal digits that tell a text again: of a million texts, two are alike with a chance of one in 10 million."""

MOST_CALIBRATING = 128
"""Ranges of more units than this hardly change, while each more that judges narrows the verdict."""

MOST_FITTING = 512
"""The same where weights are fitted to what is observed, which takes more of it."""


@dataclass(frozen=True)
class HeldOut:
    """Indices of samples, in their order.

    Attributes:
        calibration: whose activations make ranges, now or before.
        judged: whose answers count; the model sees none of them in `calibration`.
        repeated: how many samples are neither, because others are the same to the model.
    """

    calibration: tuple[int, ...]
    judged: tuple[int, ...]
    repeated: int


def seen_by_model(encoded: Encoded) -> Hashable:
    """What the model sees of a request: equal for equal tokens."""
    return tuple((row.ids.shape, row.ids.tobytes(), row.type_ids.tobytes()) for row in encoded.features)


def digests(rows: Iterable[Rows]) -> frozenset[str]:
    """What tells the texts of these rows again: a digest of each line of tokens, without padding.

    Args:
        rows: ids, types and mask of equal shapes, (..., sequence).
    """
    return frozenset(_digest(*line) for row in rows for line in zip(*map(_lines, row), strict=True))


def _lines(array: IntArray) -> IntArray:
    return array.reshape(-1, array.shape[-1])


def _digest(ids: IntArray, type_ids: IntArray, mask: IntArray) -> str:
    tokens = [array[mask == 1].astype("<i8").tobytes() for array in (ids, type_ids)]
    return hashlib.sha256(b"".join(tokens)).hexdigest()[:DIGITS]


def hold_out(
    seen: Sequence[Hashable],
    units: Sequence[Hashable],
    calibrates: bool = True,
    calibrated: Collection[Hashable] = frozenset(),
    most: int = MOST_CALIBRATING,
) -> HeldOut:
    """Divide samples: every other unit calibrates, evenly over all and `most` at most, the others judge.

    A unit that shares a text with one that calibrates does not judge.

    Args:
        seen: what the model sees of each sample.
        units: which unit each sample belongs to.
        calibrates: whether any have to calibrate; otherwise all judge.
        calibrated: what the model has seen of samples that calibrated before.
        most: how many units calibrate at most.
    """
    members: dict[Hashable, list[int]] = {}
    for index, unit in enumerate(units):
        members.setdefault(unit, []).append(index)
    distinct = {frozenset(seen[i] for i in own): own for own in reversed(members.values())}
    whole = sorted(distinct.values())
    count = min(-(-len(whole) // 2), most) if calibrates else 0
    places = {i * len(whole) // count for i in range(count)}
    chosen = {i for place in places for i in whole[place]}
    calibration = sorted(chosen | {i for i, each in enumerate(seen) if each in calibrated})
    known = {seen[i] for i in calibration}
    judged = [own for place, own in enumerate(whole) if place not in places and known.isdisjoint(seen[i] for i in own)]
    return HeldOut(
        tuple(calibration),
        tuple(sorted(i for own in judged for i in own)),
        len(seen) - len(calibration) - sum(map(len, judged)),
    )


def lines_for(judged: int, most: int = MOST_CALIBRATING) -> int:
    """How many different units it takes so that so many judge, where `most` calibrate at most."""
    return judged + min(judged, most)
