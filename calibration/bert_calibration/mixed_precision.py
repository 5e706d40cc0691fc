"""The search for mixed precision: all int8 if that meets the accuracy constraint, else the worst points more precise.

Points are ranked, and candidates are compared, by the divergence of the head's outputs from fp32's, which every bit
changes. The metric, which changes by whole answers, is the verdict alone: a candidate whose outputs are no nearer to
fp32's than those of one that failed is not asked for a better one, as that would be luck.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from bert_calibration.accuracy import AccuracyConstraint, Drop
from bert_calibration.plans import Granularity, Plan
from bert_calibration.sensitivity import Sensitivity
from bert_runtime.errors import BertError

MOST_TRIALS = 8
"""Beyond this many, keeping one point more is not what helps."""

NEARER = 0.9
"""The share of the least divergence so far that a candidate must not exceed to be asked for its metric."""

REFINED = 2
"""Trials between the last candidate that failed and the first that holds: each halves the points in doubt."""


@dataclass(frozen=True)
class SearchConstraints:
    """What a plan has to hold.

    Attributes:
        constraint: on the accuracy.
        min_speed: it must be more than so many times as fast as fp32; None: not to be measured, where no engine of the
            target runs here.
        mixtures: whether points may be made more precise; without, a plan is taken as it is, or not at all.
    """

    constraint: AccuracyConstraint = field(default_factory=AccuracyConstraint)
    min_speed: float | None = 1.0
    mixtures: bool = True


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
        drop: how much of the metric it loses; None where its divergence had decided already.
        speed: how many times as fast as fp32; None but for the plan that is kept, and where nothing could be measured.
    """

    plan: Plan
    divergence: float
    drop: Drop | None
    speed: float | None = None


@dataclass(frozen=True)
class Search:
    """What was tried, and in which order points were kept.

    Attributes:
        trials: at least one; the last one is the plan that holds the constraints.
        ranking: the points, worst first; empty where the first trial held.
    """

    trials: tuple[Trial, ...]
    ranking: tuple[Sensitivity, ...]

    @property
    def plan(self) -> Plan:
        """The plan that holds the constraints."""
        return self.trials[-1].plan


class SearchError(BertError):
    """No plan holds the constraints and is faster than fp32.

    Attributes:
        trials: what was tried, for a table.
        ranking: the points, worst first; empty where nothing was ranked.
        is_accuracy: whether it is the accuracy that failed, not the speed.
    """

    def __init__(
        self, message: str, trials: Sequence[Trial], ranking: Sequence[Sensitivity], is_accuracy: bool = True
    ) -> None:
        self.trials, self.ranking, self.is_accuracy = tuple(trials), tuple(ranking), is_accuracy
        super().__init__(f"{message}; tried {'; '.join(sentence(trial) for trial in trials)}")

    @property
    def least(self) -> float:
        """The least drop of all that was tried."""
        return min(trial.drop.value for trial in self.trials if trial.drop is not None)


def search(
    plan: Plan, measures: Measures, constraints: SearchConstraints, ranked: Callable[[], Sequence[Sensitivity]]
) -> Search:
    """The first plan that holds the constraints: `plan`, else with more and more of the worst points more precise.

    The number of points doubles, which costs a few trials where one point at a time would cost dozens; between the last
    that fails and the first that holds, REFINED trials look for fewer. Points are ranked (`ranked`) only if `plan`
    fails.

    Raises:
        SearchError: none holds it, or the one that does is no faster than fp32.
    """
    course = _Course(measures, constraints)
    found = course.judged(plan)
    ranking: tuple[Sensitivity, ...] = ()
    if found is None and constraints.mixtures:
        ranking = tuple(ranked())
        found = course.mixed(plan, [each.point for each in ranking])
    if found is None:
        raise SearchError(_lost(constraints.constraint, course.trials), course.trials, ranking)
    course.trials.remove(found)
    if constraints.min_speed is not None:
        found = replace(found, speed=measures.speed(found.plan))
    trials = (*course.trials, found)
    if constraints.min_speed is not None and found.speed is not None and found.speed <= constraints.min_speed:
        raise SearchError(
            f"the plan that holds the drop of {constraints.constraint.max_drop:g} is not more than "
            f"{constraints.min_speed:g}x as fast as fp32 on this machine: leave --int8 out, allow more with "
            "--max-drop, or choose another target",
            trials,
            ranking,
            is_accuracy=False,
        )
    return Search(trials, ranking)


@dataclass(frozen=True)
class _Course:
    """A search on its way: what was tried so far."""

    measures: Measures
    constraints: SearchConstraints
    trials: list[Trial] = field(default_factory=list)

    def judged(self, plan: Plan, divergence: float | None = None) -> Trial | None:
        """The trial of a plan, whose divergence may be known, if it meets the constraint."""
        known = self.measures.divergence(plan) if divergence is None else divergence
        drop = self.measures.drop(plan)
        self.trials.append(Trial(plan, known, drop))
        return self.trials[-1] if self.constraints.constraint.allows(drop) else None

    def mixed(self, plan: Plan, points: Sequence[str]) -> Trial | None:
        """The first candidate that holds: points in the plan's careful granularity, then in floating point."""
        for granularity in dict.fromkeys((plan.careful, Granularity.FLOAT)):
            failed = 0
            for count in _counts(len(points)):
                found = self._nearer(_keeping(plan, points[:count], granularity))
                if found is not None:
                    return self._refined(plan, points, granularity, failed, found)
                failed = count
        return None

    def _nearer(self, plan: Plan) -> Trial | None:
        """As `judged`, but only of a plan whose outputs are nearer to fp32's than any that was judged before."""
        least = min(trial.divergence for trial in self.trials if trial.drop is not None)
        divergence = self.measures.divergence(plan)
        if divergence <= NEARER * least:
            return self.judged(plan, divergence)
        self.trials.append(Trial(plan, divergence, None))
        return None

    def _refined(self, plan: Plan, points: Sequence[str], granularity: Granularity, failed: int, found: Trial) -> Trial:
        """As few points as hold, between those that failed and those that hold."""
        holds = len(found.plan.kept) - len(plan.kept)
        for _ in range(REFINED):
            count = (failed + holds) // 2
            if count in (failed, holds):
                break
            fewer = self.judged(_keeping(plan, points[:count], granularity))
            if fewer is None:
                failed = count
            else:
                holds, found = count, fewer
        return found


def _counts(points: int) -> Iterator[int]:
    """How many points are kept: twice as many each time, then half of the rest; never all, which would be fp32."""
    doubled = [2**i for i in range(MOST_TRIALS) if 2**i < points]
    yield from doubled
    if doubled and doubled[-1] < (more := (doubled[-1] + points) // 2) < points:
        yield more


def _keeping(plan: Plan, points: Sequence[str], granularity: Granularity) -> Plan:
    return replace(plan.keeping(*points), careful=granularity)


def _lost(constraint: AccuracyConstraint, trials: Sequence[Trial]) -> str:
    judged = [trial.drop for trial in trials if trial.drop is not None]
    least = min(judged, key=lambda drop: drop.value)
    return (
        f"no plan keeps the drop within {constraint.max_drop:g}: allow more with --max-drop, give more calibration"
        f" data, or fine-tune with quantisation; at best {least}"
    )


def sentence(trial: Trial) -> str:
    """A trial in words."""
    kept = f" with {len(trial.plan.kept)} points in {trial.plan.careful.value}" if trial.plan.kept else ""
    drop = "no nearer to fp32, not judged" if trial.drop is None else f"drop {trial.drop.value:.4f}"
    speed = "" if trial.speed is None else f", {trial.speed:.2f}x the speed of fp32"
    return f"{trial.plan.name}{kept}: divergence {trial.divergence:.2e}, {drop}{speed}"
