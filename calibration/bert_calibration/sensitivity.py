"""Which parts of a network integers hurt: each site quantised alone, ranked by what it does to the outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bert_calibration.bars import Bar, svg
from bert_calibration.plans import Plan

Divergence = Callable[[Plan], float]
"""How far the outputs of a plan are from fp32's: 0 for none, more for worse."""


@dataclass(frozen=True)
class Sensitivity:
    """What quantising one site, and nothing else, does to the outputs.

    Attributes:
        site: its name.
        divergence: as `Divergence` measures it.
    """

    site: str
    divergence: float


def rank(plan: Plan, sites: Sequence[str], divergence: Divergence) -> list[Sensitivity]:
    """Every site that the plan quantises, the worst first; equal ones in the graph's order."""
    quantised = [site for site in sites if site not in plan.kept]
    found = [Sensitivity(site, divergence(plan.only(site, sites))) for site in quantised]
    return sorted(found, key=lambda each: -each.divergence)


def picture(ranking: Iterable[Sensitivity], title: str) -> str:
    """One bar for each site, as SVG."""
    return svg([Bar(each.site, each.divergence) for each in ranking], title)
