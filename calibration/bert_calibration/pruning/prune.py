"""The plot of a pruning: what each sub-layer loses, what it takes, which widths are tried, and what is kept."""

from __future__ import annotations

from dataclasses import dataclass

from bert_calibration.pruning.budget import Budget
from bert_calibration.pruning.importance import weights_of
from bert_calibration.pruning.latency import LatencyTable, by_arithmetic, timed
from bert_calibration.pruning.search import Point, search
from bert_calibration.pruning.trying import Pruner, Timer
from bert_calibration.pruning.walk import Masks, curves
from bert_calibration.pruning.widths import LayerWidths
from bert_calibration.quantize import check_task


@dataclass(frozen=True)
class Pruning:
    """What was found.

    Attributes:
        masks: the weights of the network that is kept, with rows of zeros for what was removed.
        kept: its point.
        points: all that were tried, the slowest first.
        table: the time by width that chose them.
    """

    masks: Masks
    kept: Point
    points: tuple[Point, ...]
    table: LatencyTable

    @property
    def layers(self) -> tuple[LayerWidths, ...]:
        """What is left."""
        return self.kept.layers

    def to_json(self) -> dict[str, object]:
        """The report as plain JSON values."""
        return {
            "kept": self.kept.to_json(),
            "points": [point.to_json() for point in self.points],
            "latency": self.table.to_json(),
        }


def prune(pruner: Pruner, speedup: float | None) -> Pruning:
    """Find the network that is `speedup` times as fast, or without one the fastest that the constraint allows.

    Raises:
        PruningError: there is none; holds the table of what was tried.
        CalibrationError: the graph or the data are no basis.
        QuantizationError: a decoder.
    """
    check_task(pruner.baseline)
    model = pruner.baseline.graph()
    found = curves(model, pruner.batches)
    weights = weights_of(model, found, pruner.answers)
    if not pruner.has_engine:
        table = by_arithmetic([curve.sublayer for curve in found], pruner.tokens)
        return _searched(Budget(found, table, weights), pruner, None, speedup)
    with pruner.timing() as timer:
        source = f"{pruner.baseline.artefact.target} {pruner.precision} on this machine"
        table = timed(pruner.baseline.graph, timer.ratio, source)
        return _searched(Budget(found, table, weights), pruner, timer, speedup)


def _searched(budget: Budget, pruner: Pruner, timer: Timer | None, speedup: float | None) -> Pruning:
    done = search(budget, pruner.attempt(budget.curves, timer), pruner.config.constraint, speedup)
    return Pruning(done.kept.masks, done.kept.point, done.points, budget.table)
