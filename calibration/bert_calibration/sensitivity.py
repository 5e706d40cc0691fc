"""Which parts of a network integers hurt: each point quantised alone, ranked by what it does to the outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bert_calibration.bar_chart import Bar, svg
from bert_calibration.plans import Granularity, Plan

Divergence = Callable[[Plan], float]
"""How far the outputs of a plan are from fp32's: 0 for none, more for worse."""


@dataclass(frozen=True)
class Sensitivity:
    """What quantising one point, and nothing else, does to the outputs.

    Attributes:
        point: its name.
        divergence: as `Divergence` measures it.
        weights: how many weights it multiplies, which is what floating point costs in bytes and in time.
    """

    point: str
    divergence: float
    weights: int = 1


def rank(plan: Plan, points: Mapping[str, int], divergence: Divergence) -> list[Sensitivity]:
    """Every point that the plan quantises, the worst first, else in the order of `points`: name -> weights."""
    quantised = [point for point in points if point not in plan.kept]
    found = [Sensitivity(point, divergence(plan.only(point, list(points))), points[point]) for point in quantised]
    return sorted(found, key=lambda each: -each.divergence)


def careful_path(plan: Plan, ranking: Sequence[Sensitivity]) -> list[Plan]:
    """Plans with more and more points in the careful form, the worst first: twice as many in each, and then all."""
    counts = [*(2**i for i in range(len(ranking).bit_length()) if 2**i < len(ranking)), len(ranking)]
    return [plan.keeping(*(each.point for each in ranking[:count])) for count in counts]


def float_path(plan: Plan, ranking: Sequence[Sensitivity]) -> list[Plan]:
    """Plans with more and more points in floating point, one more in each, and never all, which would be fp32.

    A point costs its weights, in bytes and in time: those that remove most divergence for each weight come first.
    """
    order = [each.point for each in sorted(ranking, key=lambda each: -each.divergence / each.weights)]
    return [replace(plan.keeping(*order[:count]), careful=Granularity.FLOAT) for count in range(1, len(order))]


def picture(ranking: Iterable[Sensitivity], title: str) -> str:
    """One bar for each point, as SVG."""
    return svg([Bar(each.point, each.divergence) for each in ranking], title)
