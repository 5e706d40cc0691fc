"""The course of a pruning: which speeds are tried, what each point lost, and which is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bert_calibration.accuracy import Accuracy, AccuracyConstraint, Drop
from bert_calibration.pruning.budget import Budget
from bert_calibration.pruning.walk import Masks, Widths
from bert_calibration.pruning.widths import LayerWidths, to_json
from bert_runtime.errors import BertError

SPEEDS = (1.2, 1.4, 1.6, 1.8, 2.0, 2.25, 2.5)
"""What is tried where no speed is asked for, in this order."""

NEAR = 0.97
"""Of the speed that was asked for, a point must measure so much; else a narrower one is made."""


@dataclass(frozen=True)
class Point:
    """One pruned network.

    Attributes:
        asked: the speed that its widths were chosen for, as a multiple of the whole network's in the same precision.
        speed: what it measured; None where no engine of the target runs here.
        products: the share of multiplications that is left.
        layers: what is left of each layer.
        accuracy: the verdict on what it answers, pruned and rounded together, against the whole network in fp32.
    """

    asked: float
    speed: float | None
    products: float
    layers: tuple[LayerWidths, ...]
    accuracy: Accuracy

    @property
    def drop(self) -> Drop:
        """How much it loses."""
        return self.accuracy.drop

    @property
    def reached(self) -> float:
        """The speed that counts."""
        return self.asked if self.speed is None else self.speed

    def __str__(self) -> str:
        measured = "" if self.speed is None else f" ({self.speed:.2f}x measured)"
        return (
            f"{self.asked:.2f}x asked{measured}, {self.products:.0%} of the products: drop {self.drop.value:.4f} "
            f"({self.drop.low:.4f} to {self.drop.high:.4f}): {self.accuracy.verdict.value}"
        )

    def to_json(self) -> dict[str, object]:
        """For reports and manifests."""
        return {
            "asked": self.asked,
            "speed": None if self.speed is None else round(self.speed, 3),
            "products": round(self.products, 4),
            "layers": to_json(self.layers),
            "accuracy": self.accuracy.to_json(),
        }


@dataclass(frozen=True)
class Trial:
    """A point with the weights that make it."""

    point: Point
    masks: Masks


class PruningError(BertError):
    """No point is fast enough within the accuracy constraint; `points` are those that were tried."""

    def __init__(self, message: str, points: Sequence[Point]) -> None:
        self.points = tuple(points)
        table = "".join(f"\n  {point}" for point in points)
        super().__init__(f"{message}{table}")


Try = Callable[[float, Widths], Trial]
"""(speed asked for, widths) -> the network of these widths, judged and timed."""


@dataclass(frozen=True)
class Search:
    """What was tried, the slowest first, and what is kept."""

    points: tuple[Point, ...]
    kept: Trial


def search(budget: Budget, attempt: Try, constraint: AccuracyConstraint, speedup: float | None) -> Search:
    """The network of the speed that is asked for, or the fastest of SPEEDS before the first that is refused.

    One set of samples judges several networks, each more likely to lose too much than the one before. To keep one that
    does, the first such network would have to pass: so this fixed sequence keeps a wrong one no more often than a
    single trial does. The best of all that pass would have as many chances to pass by luck as there are networks.

    Raises:
        PruningError: the constraint allows none, or no width is as fast; holds the table of points.
    """
    tried: list[Trial] = []
    if speedup is not None:
        found = _at(budget, attempt, speedup, tried)
        if found is not None and constraint.allows(found.point.drop):
            return Search(_points(tried), found)
    _climb(budget, attempt, constraint, [speed for speed in SPEEDS if speedup is None or speed < speedup], tried)
    allowed = [trial for trial in tried if constraint.allows(trial.point.drop)]
    if speedup is None and allowed:
        return Search(_points(tried), max(allowed, key=lambda trial: trial.point.reached))
    wanted = "no point" if speedup is None else f"no point at {speedup:g}x"
    raise PruningError(
        f"{wanted} keeps the drop within {constraint.max_drop:g}: allow more with --max-drop, ask for less with "
        f"--speedup, or give more calibration data; at most {budget.fastest:.2f}x can be reached here; tried"
        f"{'' if tried else ' none'}:",
        _points(tried),
    )


def _climb(
    budget: Budget, attempt: Try, constraint: AccuracyConstraint, speeds: Sequence[float], tried: list[Trial]
) -> None:
    """Try rising speeds up to the first that loses too much."""
    for speed in speeds:
        widths = budget.widths(speed)
        if widths is None:
            return
        tried.append(attempt(speed, widths))
        if not constraint.allows(tried[-1].point.drop):
            return


def _at(budget: Budget, attempt: Try, speed: float, tried: list[Trial]) -> Trial | None:
    """The network that measures this speed: a narrower one where the first is slower than its table says."""
    asked = speed
    for _ in range(2):
        widths = budget.widths(asked)
        if widths is None:
            return None
        trial = attempt(asked, widths)
        trial = replace(trial, point=replace(trial.point, asked=asked))
        tried.append(trial)
        if trial.point.reached >= NEAR * speed:
            return trial
        asked *= speed / trial.point.reached
    return None


def _points(tried: Sequence[Trial]) -> tuple[Point, ...]:
    return tuple(trial.point for trial in sorted(tried, key=lambda trial: trial.point.asked))
