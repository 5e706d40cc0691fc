"""The course of a search: which candidate is judged next, by what all judged ones lost.

What they say together of how a loss follows from a divergence (`loss_law`) names the divergence to look for, so that
few candidates have to be judged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bert_calibration.config import QuantizationConfig
from bert_calibration.loss_law import LossLaw
from bert_calibration.plans import Plan
from bert_calibration.sensitivity import Sensitivity, careful_path, float_path
from bert_calibration.trials import Measures, Trial

NEARER = 0.9
"""The share of a failed candidate's divergence that the next must not exceed: less than that samples cannot tell."""

REFINED = 2
"""Candidates that are judged after one that holds: each is one more chance to pass by luck."""

Ranked = Callable[[Plan], Sequence[Sensitivity]]
"""A plan -> the points that it quantises, the worst first."""


@dataclass(frozen=True)
class Course:
    """A search on its way: what was tried so far."""

    measures: Measures
    config: QuantizationConfig
    trials: list[Trial] = field(default_factory=list)
    _apart: dict[Plan, float] = field(default_factory=dict)

    @property
    def passed(self) -> list[Trial]:
        """The trials that meet the constraint."""
        return [each for each in self.trials if each.drop is not None and self.config.constraint.allows(each.drop)]

    def judged(self, plan: Plan) -> Trial:
        """The trial of a plan."""
        trial = Trial(plan, self._divergence(plan), self.measures.drop(plan))
        self.trials[:] = [each for each in self.trials if each.plan != plan]
        self.trials.append(trial)
        return trial

    def mixed(self, plan: Plan, ranked: Ranked) -> tuple[Trial | None, tuple[Sensitivity, ...]]:
        """The cheapest candidate that holds, and the ranking that it follows.

        First points become per-token, which costs no bytes. Where even all of them are not expected to hold, all are,
        and points stay in floating point.
        """
        refined = plan.refined
        if refined != plan and self._divergence(refined) <= self._wanted():
            ranking = tuple(ranked(plan))
            found = self._cheapest(careful_path(plan, ranking))
            if found is not None:
                return found, ranking
        ranking = tuple(ranked(refined))
        return self._cheapest(float_path(refined, ranking)), ranking

    def _cheapest(self, candidates: Sequence[Plan]) -> Trial | None:
        """The first of candidates, each nearer to fp32 than the one before, that holds; None for none.

        Once one holds, REFINED cheaper ones are judged at most, until one fails.
        """
        failed, holds = -1, len(candidates)
        best: Trial | None = None
        refined = 0
        while best is None or refined < REFINED:
            index = self._first(candidates, failed + 1, holds)
            if index == len(candidates) > failed + 1:
                index -= 1  # none is as near as wanted: the nearest is judged all the same
            if index >= holds:
                break
            trial = self.judged(candidates[index])
            refined += best is not None
            if trial in self.passed:
                best, holds = trial, index
            elif best is None:
                failed = index
            else:
                break
        return best

    def _first(self, candidates: Sequence[Plan], low: int, high: int) -> int:
        """The index of the first candidate from `low` that is as near as wanted, by bisection; `high` for none."""
        wanted = self._wanted()
        while low < high:
            middle = (low + high) // 2
            if self._divergence(candidates[middle]) <= wanted:
                high = middle
            else:
                low = middle + 1
        return high

    def _wanted(self) -> float:
        """The divergence that a plan must not exceed to be expected to hold, and to be told from those that failed."""
        failed = [each.divergence for each in self.trials if each.drop is not None and each not in self.passed]
        return min([self._law.divergence(self.config.constraint.max_drop), *(NEARER * each for each in failed)])

    @property
    def _law(self) -> LossLaw:
        return LossLaw.of((each.divergence, each.drop.value) for each in self.trials if each.drop is not None)

    def _divergence(self, plan: Plan) -> float:
        if plan not in self._apart:
            self._apart[plan] = self.measures.divergence(plan)
            self.trials.append(Trial(plan, self._apart[plan], None))
        return self._apart[plan]
