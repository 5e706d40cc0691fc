"""The accuracy budget: all int8 if it holds, else the worst sites made more precise until it does, or an error."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from bert_calibration.plans import Form, Plan
from bert_calibration.sensitivity import Sensitivity
from bert_runtime.errors import BertError

MOST_TRIALS = 8
"""Beyond this many, keeping one site more is not what helps."""


@dataclass(frozen=True)
class Budget:
    """At most `max_drop` of the metric lost, and more than `min_speed` times as fast as fp32; None: not to be measured,
    where no engine of the target runs here. Without `mixtures` a plan is taken as it is, or not at all."""

    max_drop: float = 0.01
    min_speed: float | None = 1.0
    mixtures: bool = True

    def holds(self, drop: float) -> bool:
        """Whether no more than allowed is lost; a drop that is no number does not hold."""
        return drop <= self.max_drop


class Measures(Protocol):
    """What a plan is worth, measured on the graph that it makes."""

    def drop(self, plan: Plan) -> float:
        """How much of the task's metric (or of the agreement with fp32) the plan loses; negative if it gains."""

    def speed(self, plan: Plan) -> float:
        """How many times as fast as the fp32 artefact."""


@dataclass(frozen=True)
class Trial:
    """One plan, measured.

    Attributes:
        plan: the plan.
        drop: how much of the metric it loses.
        speed: how many times as fast as fp32; None where the drop had decided already, or nothing could be measured.
    """

    plan: Plan
    drop: float
    speed: float | None


@dataclass(frozen=True)
class Search:
    """What was tried, in order, and in which order sites were kept.

    Attributes:
        trials: at least one; the last one holds the budget.
        ranking: the sites, worst first; empty where the first trial held.
    """

    trials: tuple[Trial, ...]
    ranking: tuple[Sensitivity, ...]

    @property
    def plan(self) -> Plan:
        """The plan that holds the budget."""
        return self.trials[-1].plan


class BudgetError(BertError):
    """No plan holds the budget and is faster than fp32.

    Attributes:
        trials: what was tried, for a table.
        ranking: the sites, worst first; empty where nothing was ranked.
    """

    def __init__(self, message: str, trials: Sequence[Trial], ranking: Sequence[Sensitivity]) -> None:
        self.trials, self.ranking = tuple(trials), tuple(ranking)
        super().__init__(f"{message}; tried {'; '.join(sentence(trial) for trial in trials)}")


def search(plan: Plan, measures: Measures, budget: Budget, ranked: Callable[[], Sequence[Sensitivity]]) -> Search:
    """The first plan that holds the budget: `plan`, then with 1, 2, 4, 8 ... of the worst sites more precise.

    Doubling costs a few trials where one site at a time would cost dozens of evaluations; sites are ranked (`ranked`)
    only if the first plan fails.

    Without mixtures in the budget, `plan` alone.

    Raises:
        BudgetError: none holds it, or the one that does is no faster than fp32.
    """
    trials = [_tried(plan, measures, budget)]
    ranking: tuple[Sensitivity, ...] = ()
    if budget.mixtures and not budget.holds(trials[0].drop):
        ranking = tuple(ranked())
        for candidate in _ladder(plan, [each.site for each in ranking]):
            trials.append(_tried(candidate, measures, budget))
            if budget.holds(trials[-1].drop):
                break
    problem = _problem(trials[-1], budget)
    if problem:
        raise BudgetError(problem, trials, ranking)
    return Search(tuple(trials), ranking)


def _ladder(plan: Plan, sites: Sequence[str]) -> Iterator[Plan]:
    """More and more sites in the plan's careful form, then in floating point; never all, which would be fp32."""
    for form in dict.fromkeys((plan.careful, Form.FLOAT)):
        for number in (2**i for i in range(MOST_TRIALS)):
            if number < len(sites):
                yield replace(plan.keeping(*sites[:number]), careful=form)


def _problem(last: Trial, budget: Budget) -> str | None:
    if not budget.holds(last.drop):
        return (
            f"no plan keeps the drop within {budget.max_drop:g}: allow more with --max-drop, give more calibration"
            " data, or fine-tune with quantisation"
        )
    if budget.min_speed is not None and last.speed is not None and last.speed <= budget.min_speed:
        return (
            f"the plan that holds the drop of {budget.max_drop:g} is not more than {budget.min_speed:g}x as fast as"
            " fp32 on this machine: leave --int8 out, allow more with --max-drop, or choose another target"
        )
    return None


def sentence(trial: Trial) -> str:
    """A trial in words."""
    kept = f" with {len(trial.plan.kept)} sites in {trial.plan.careful.value}" if trial.plan.kept else ""
    speed = "" if trial.speed is None else f", {trial.speed:.2f}x the speed of fp32"
    return f"{trial.plan.name}{kept}: drop {trial.drop:.4f}{speed}"


def _tried(plan: Plan, measures: Measures, budget: Budget) -> Trial:
    drop = measures.drop(plan)
    is_measured = budget.min_speed is not None and budget.holds(drop)
    return Trial(plan, drop, measures.speed(plan) if is_measured else None)
