"""From curves and a latency table to the widths of a network that is so many times as fast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bert_calibration.pruning.allocation import Choice, allocate
from bert_calibration.pruning.latency import LatencyTable
from bert_calibration.pruning.walk import Curve, Widths, step_of
from bert_calibration.pruning.widths import Kind


@dataclass(frozen=True)
class Budget:
    """What every width of every sub-layer takes and loses.

    Attributes:
        curves: of each sub-layer.
        table: the time of widths.
        weights: (layer, kind) -> what a share of the sub-layer's output costs in the head's outputs.
    """

    curves: Sequence[Curve]
    table: LatencyTable
    weights: Mapping[tuple[int, Kind], float]

    @property
    def fixed(self) -> float:
        """The share of the time that no width changes."""
        return 1.0 - sum(self._own(curve) for curve in self.curves)

    @property
    def fastest(self) -> float:
        """The speed with the least of everything."""
        least = sum(min(choice.seconds for choice in self._choices(curve)) for curve in self.curves)
        return 1.0 / max(self.fixed + least, 1e-9)

    def widths(self, speed: float) -> Widths | None:
        """Those that lose least at that speed; None where no width is as fast."""
        if speed <= 1.0:
            return {curve.key: curve.sublayer.groups for curve in self.curves}
        found = allocate([self._choices(curve) for curve in self.curves], 1.0 / speed - self.fixed)
        if found is None:
            return None
        return {curve.key: choice.width for curve, choice in zip(self.curves, found, strict=True)}

    def _choices(self, curve: Curve) -> list[Choice]:
        groups, step = curve.sublayer.groups, step_of(curve.sublayer)
        numbers = sorted({groups, *range(step, groups, step)})
        return [Choice(number, self._seconds(curve, number), self._loss(curve, number)) for number in numbers]

    def _loss(self, curve: Curve, number: int) -> float:
        return self.weights[curve.key] * curve.removal.error(number)

    def _seconds(self, curve: Curve, number: int) -> float:
        saved = self.table.saved(curve.sublayer.kind, number / curve.sublayer.groups)
        return self._own(curve) - self._part(curve) * saved

    def _own(self, curve: Curve) -> float:
        """All that a sub-layer could save."""
        return self._part(curve) * self.table.saved(curve.sublayer.kind, 0.0)

    def _part(self, curve: Curve) -> float:
        """A sub-layer's share of what all of its kind take: the last may compute fewer rows."""
        same = [each for each in self.curves if each.sublayer.kind is curve.sublayer.kind]
        return curve.work / sum(each.work for each in same)
