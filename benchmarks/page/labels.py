"""Where labels go that would lie over each other where they belong."""

from __future__ import annotations

from collections.abc import Sequence


def spaced(wanted: Sequence[float], gap: float) -> list[float]:
    """Places as near to the wanted ones as they can be with `gap` between neighbours, in the order given.

    Neighbours that are too near become a group that shares its room evenly about the mean of what its members want.
    """
    groups: list[list[int]] = []
    for index in sorted(range(len(wanted)), key=lambda i: wanted[i]):
        groups.append([index])
        while len(groups) > 1 and _start(groups[-1], wanted, gap) < _end(groups[-2], wanted, gap) + gap:
            last = groups.pop()
            groups[-1] += last
    places = [0.0] * len(wanted)
    for group in groups:
        for offset, index in enumerate(group):
            places[index] = _start(group, wanted, gap) + offset * gap
    return places


def _start(group: Sequence[int], wanted: Sequence[float], gap: float) -> float:
    return sum(wanted[i] for i in group) / len(group) - gap * (len(group) - 1) / 2


def _end(group: Sequence[int], wanted: Sequence[float], gap: float) -> float:
    return _start(group, wanted, gap) + gap * (len(group) - 1)
