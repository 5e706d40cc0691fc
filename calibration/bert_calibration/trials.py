"""What a search for mixed precision measures, and what it tried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bert_calibration.accuracy import Drop
from bert_calibration.plans import Plan


class Measures(Protocol):
    """The accuracy of a configuration, measured on the graph that it makes."""

    def drop(self, plan: Plan) -> Drop:
        """How much of the task's metric (or of the agreement with fp32) the plan loses."""

    def divergence(self, plan: Plan) -> float:
        """How far its outputs are from fp32's: 0 or more, see `quality.divergence`."""

    def speed(self, plan: Plan) -> float:
        """How many times as fast as the fp32 artefact."""


@dataclass(frozen=True)
class Trial:
    """One plan, measured.

    Attributes:
        plan: the plan.
        divergence: of its outputs from fp32's.
        drop: how much of the metric it loses; None where its divergence decided.
        speed: how many times as fast as fp32; None but for the plan that is kept, and where nothing could be measured.
    """

    plan: Plan
    divergence: float
    drop: Drop | None
    speed: float | None = None


def sentence(trial: Trial) -> str:
    """One line of the report on a trial."""
    kept = f" with {len(trial.plan.kept)} points in {trial.plan.careful.value}" if trial.plan.kept else ""
    drop = "not judged" if trial.drop is None else f"drop {trial.drop.value:.4f}"
    speed = "" if trial.speed is None else f", {trial.speed:.2f}x the speed of fp32"
    return f"{trial.plan.name}{kept}: divergence {trial.divergence:.2e}, {drop}{speed}"
