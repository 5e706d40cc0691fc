"""Which parts of a network integers hurt: each point quantised alone, ranked by what it does to the outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bert_calibration.bar_chart import Bar, svg
from bert_calibration.plans import Plan

Divergence = Callable[[Plan], float]
"""How far the outputs of a plan are from fp32's: 0 for none, more for worse."""


@dataclass(frozen=True)
class Sensitivity:
    """What quantising one point, and nothing else, does to the outputs.

    Attributes:
        point: its name.
        divergence: as `Divergence` measures it.
    """

    point: str
    divergence: float


def rank(plan: Plan, points: Sequence[str], divergence: Divergence) -> list[Sensitivity]:
    """Every point that the plan quantises, the worst first; equal ones in the graph's order."""
    quantised = [point for point in points if point not in plan.kept]
    found = [Sensitivity(point, divergence(plan.only(point, points))) for point in quantised]
    return sorted(found, key=lambda each: -each.divergence)


def picture(ranking: Iterable[Sensitivity], title: str) -> str:
    """One bar for each point, as SVG."""
    return svg([Bar(each.point, each.divergence) for each in ranking], title)
