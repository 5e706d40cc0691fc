"""The search for mixed precision: all int8 if that meets the accuracy constraint, else the worst points more precise.

Points are ranked, and candidates are chosen, by the divergence of the head's outputs from fp32's, which every bit
changes. The metric, which changes by whole answers, is the verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bert_calibration.accuracy import AccuracyConstraint
from bert_calibration.config import QuantizationConfig
from bert_calibration.course import Course, Ranked
from bert_calibration.plans import Plan
from bert_calibration.sensitivity import Sensitivity
from bert_calibration.trials import Measures, Trial, sentence
from bert_runtime.errors import BertError


@dataclass(frozen=True)
class Search:
    """What was tried, and in which order points were kept.

    Attributes:
        trials: at least one; the last one is the plan that holds the constraint.
        ranking: the points, worst first; empty where the first trial held.
    """

    trials: tuple[Trial, ...]
    ranking: tuple[Sensitivity, ...]

    @property
    def plan(self) -> Plan:
        """The plan that holds the constraint."""
        return self.trials[-1].plan


class SearchError(BertError):
    """No plan holds the constraint and is faster than fp32.

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


def search(plan: Plan, measures: Measures, config: QuantizationConfig, ranked: Ranked) -> Search:
    """The first plan that holds the constraint: `plan`, else with as few of the worst points more precise as do.

    Points are ranked only if `plan` fails.

    Raises:
        SearchError: none holds them, or the one that does is no faster than fp32.
    """
    course = Course(measures, config)
    found: Trial | None = course.judged(plan)
    ranking: tuple[Sensitivity, ...] = ()
    if found not in course.passed and config.mixtures:
        found, ranking = course.mixed(plan, ranked)
    if found is None or found not in course.passed:
        raise SearchError(_lost(config.constraint, course.trials), course.trials, ranking)
    course.trials.remove(found)
    if config.min_speed is not None:
        found = replace(found, speed=measures.speed(found.plan))
    trials = (*course.trials, found)
    if config.min_speed is not None and found.speed is not None and found.speed <= config.min_speed:
        raise SearchError(
            f"the plan that holds the drop of {config.constraint.max_drop:g} is not more than "
            f"{config.min_speed:g}x as fast as fp32 on this machine: leave --int8 out, allow more with "
            "--max-drop, or choose another target",
            trials,
            ranking,
            is_accuracy=False,
        )
    return Search(trials, ranking)


def _lost(constraint: AccuracyConstraint, trials: Sequence[Trial]) -> str:
    judged = [trial.drop for trial in trials if trial.drop is not None]
    least = min(judged, key=lambda drop: drop.value)
    return (
        f"no plan keeps the drop within {constraint.max_drop:g}: allow more with --max-drop, give more calibration"
        f" data, or fine-tune with quantisation; at best {least}"
    )
