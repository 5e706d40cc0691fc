"""The search for a plan that holds a constraints, over measures that are known in advance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from bert_calibration.accuracy import Drop
from bert_calibration.config import QuantizationConfig
from bert_calibration.mixed_precision import SearchError, search
from bert_calibration.plans import ACCURACY, PERFORMANCE, Granularity, Plan
from bert_calibration.sensitivity import Sensitivity, careful_path, float_path, rank
from bert_runtime.errors import BertError

SITES = {f"layer.{i}": 1 for i in range(10)}
WORST = list(SITES)
RANKING = [Sensitivity(name, 1.0 - i / 10) for i, name in enumerate(SITES)]
ENOUGH = 10_000


def constraints(max_drop: float, min_speed: float | None = 1.0, mixtures: bool = True) -> QuantizationConfig:
    return QuantizationConfig(max_drop=max_drop, min_speed=min_speed, mixtures=mixtures)


def lost(value: float, samples: int = ENOUGH) -> Drop:
    return Drop("accuracy", value, value - 0.001, value + 0.001, samples)


@dataclass
class Known:
    """A drop of 0.01 for each quantised point of the worst three, and 0.0001 for each other; slower with each kept.

    The divergence is the drop's, unless another is given.
    """

    fastest: float = 3.0
    apart: Callable[[Plan], float] | None = None
    judged: list[int] = field(default_factory=list)
    timed: int = 0

    def loss(self, plan: Plan) -> float:
        return sum(0.01 if i < 3 else 0.0001 for i, name in enumerate(SITES) if name not in plan.kept)

    def drop(self, plan: Plan) -> Drop:
        self.judged.append(len(plan.kept))
        return lost(self.loss(plan))

    def divergence(self, plan: Plan) -> float:
        return self.loss(plan) if self.apart is None else self.apart(plan)

    def speed(self, plan: Plan) -> float:
        self.timed += 1
        return self.fastest - 0.1 * len(plan.kept)


def never(plan: Plan) -> list[Sensitivity]:
    raise AssertionError("nothing had to be ranked")


def test_a_plan_that_holds_is_taken_and_nothing_is_ranked() -> None:
    found = search(PERFORMANCE, Known(), constraints(0.05), never)

    assert found.plan is PERFORMANCE
    assert [trial.speed for trial in found.trials] == [3.0]


def test_the_worst_sites_are_kept_until_the_budget_holds_and_no_more_than_that() -> None:
    known = Known()
    found = search(ACCURACY, known, constraints(0.005), lambda _: RANKING)

    assert found.plan.kept == set(WORST[:3]), "1 and 2 leave one of the worst three, 4 is one too many"
    assert (known.judged, known.timed) == ([0, 3], 1), "the divergence tells which of all candidates to judge"
    assert found.trials[-1].speed == 2.7
    assert all(trial.speed is None and trial.drop is None for trial in found.trials[1:-1])


def differing(share: float, samples: int = 172) -> Drop:
    return Drop("agreement with fp32", round(share * samples) / samples, 0.0, 1.0, samples)


@dataclass
class Lucky(Known):
    """The share of answers that differ is 4 times the root of the divergence, but one plan's answers are lucky."""

    lucky: int = 0

    def divergence(self, plan: Plan) -> float:
        return 4e-4 * (1 - len(plan.kept) / 10)

    def drop(self, plan: Plan) -> Drop:
        self.judged.append(len(plan.kept))
        return differing(0.01 if len(plan.kept) == self.lucky else 4 * self.divergence(plan) ** 0.5)


def test_a_plan_that_passes_by_luck_alone_is_not_taken() -> None:
    """A drop of 0.045 is allowed: 7 of 10 points are needed, and 4 of them would pass if they were judged alone."""
    needed = search(ACCURACY, Lucky(lucky=99), constraints(0.045), lambda _: RANKING)
    found = search(ACCURACY, Lucky(lucky=4), constraints(0.045), lambda _: RANKING)

    assert len(needed.plan.kept) == len(found.plan.kept) == 8
    assert search(ACCURACY, Lucky(lucky=0), constraints(0.045), never).plan is ACCURACY, "nothing else was judged"


def test_few_plans_are_judged_whatever_their_number() -> None:
    many = [Sensitivity(f"point.{i}", 1.0) for i in range(200)]

    class Wide(Lucky):
        def divergence(self, plan: Plan) -> float:
            return 4e-4 * (1 - len(plan.kept) / 200)

    known = Wide(lucky=999)
    found = search(ACCURACY, known, constraints(0.045, min_speed=None), lambda _: many)
    assert len(known.judged) <= 4
    assert 137 <= len(found.plan.kept) <= 190


def test_a_constraint_that_no_candidate_holds_is_judged_by_the_nearest_one() -> None:
    found = search(ACCURACY, Lucky(lucky=9), constraints(0.02), lambda _: RANKING)
    assert len(found.plan.kept) == 9


def test_outputs_that_are_no_numbers_are_far_from_all_others() -> None:
    known = Known(apart=lambda plan: float("inf") if len(plan.kept) < 3 else 1.0 / (1 + len(plan.kept)))
    found = search(ACCURACY, known, constraints(0.005), lambda _: RANKING)

    assert found.plan.kept >= set(WORST[:3])


def test_all_sites_become_per_token_before_some_become_floats() -> None:
    """Per-token scales take a tenth of the divergence away, at no cost in bytes; the constraint takes more."""
    seen: list[Plan] = []

    def apart(plan: Plan) -> float:
        base = 0.01 if plan.dense is Granularity.STATIC else 0.009
        return base * (1 - len(plan.kept) / 10 * (1.0 if plan.careful is Granularity.FLOAT else 0.1))

    def ranked(plan: Plan) -> list[Sensitivity]:
        seen.append(plan)
        return RANKING

    known = Known(apart=apart)
    found = search(PERFORMANCE, known, constraints(0.005), ranked)
    assert [plan.name for plan in seen] == ["accuracy"], (
        "each point is ranked once, in the granularity that it stays in"
    )
    assert (found.plan.dense, found.plan.attention, found.plan.careful) == (
        Granularity.TOKEN,
        Granularity.TOKEN,
        Granularity.FLOAT,
    )


def test_where_per_token_sites_are_enough_none_become_floats() -> None:
    def apart(plan: Plan) -> float:
        return 0.0001 if plan.dense is Granularity.TOKEN else 0.01 * (1 - len(plan.kept) / 10)

    found = search(PERFORMANCE, Known(apart=apart), constraints(0.005), lambda _: RANKING)
    assert found.plan.careful is Granularity.TOKEN
    assert found.plan.attention is Granularity.STATIC
    assert found.plan.kept >= set(WORST[:3])


def test_floats_go_where_they_remove_most_for_each_weight_and_never_everywhere() -> None:
    """A vocabulary of a hundred times the weights waits, though its divergence is the largest."""
    ranking = [Sensitivity("vocabulary", 5.0, 100), Sensitivity("one", 2.0, 1), Sensitivity("other", 1.0, 1)]
    assert [plan.kept for plan in float_path(ACCURACY, ranking)] == [{"one"}, {"one", "other"}]
    assert {plan.careful for plan in float_path(PERFORMANCE, ranking)} == {Granularity.FLOAT}
    assert [len(plan.kept) for plan in careful_path(PERFORMANCE, ranking)] == [1, 2, 3]
    assert careful_path(PERFORMANCE, ranking)[0].kept == {"vocabulary"}, "per-token scales cost no bytes"


def test_a_budget_that_nothing_holds_is_an_error_with_the_table() -> None:
    with pytest.raises(SearchError, match=r"no plan keeps the drop within 1e-05: allow more with --max-drop") as failed:
        search(ACCURACY, Known(), QuantizationConfig(max_drop=1e-5), lambda _: RANKING)

    assert isinstance(failed.value, BertError)
    assert failed.value.is_accuracy
    assert failed.value.least == pytest.approx(0.0001)
    assert len(failed.value.trials) > 2
    assert failed.value.ranking == tuple(RANKING)
    assert "accuracy with 9 points in float: divergence 1.00e-04, drop 0.0001" in str(failed.value)
    assert "at best accuracy drops by 0.0001 (95% interval -0.0009 to 0.0011) on 10000 independent" in str(failed.value)


def test_a_plan_that_is_not_faster_is_an_error() -> None:
    with pytest.raises(SearchError, match=r"is not more than 1x as fast as fp32 on this machine: leave") as failed:
        search(ACCURACY, Known(fastest=1.0), constraints(0.05), never)
    assert not failed.value.is_accuracy


def test_a_plan_that_gains_holds_any_budget() -> None:
    class Gains(Known):
        def drop(self, plan: Plan) -> Drop:
            return lost(-0.01)

    assert search(ACCURACY, Gains(), constraints(0.001), never).plan is ACCURACY


def test_few_samples_do_not_send_the_search_after_single_answers() -> None:
    """32 samples, of which one has another answer: where that is accepted, no part is kept for it."""

    class Few(Known):
        def drop(self, plan: Plan) -> Drop:
            return Drop("same best span", 1 / 32, 0.0008, 0.162, 32)

    accepting = QuantizationConfig(accept_unproven=True)
    assert search(ACCURACY, Few(), accepting, never).plan is ACCURACY
    with pytest.raises(SearchError):
        search(ACCURACY, Few(), constraints(0.01), lambda _: RANKING)


def test_ranking_quantises_each_site_alone_and_puts_the_worst_first() -> None:
    seen: list[Plan] = []

    def apart(plan: Plan) -> float:
        seen.append(plan)
        (alone,) = SITES.keys() - plan.kept
        return 5.0 if alone == "layer.7" else 1.0

    ranking = rank(PERFORMANCE, SITES, apart)

    assert [each.point for each in ranking] == ["layer.7", *WORST[:7], *WORST[8:]]
    assert all(plan.careful is Granularity.FLOAT and not plan.embedding for plan in seen)


def test_sites_that_are_kept_anyway_are_not_ranked_and_count_as_kept() -> None:
    measured: Callable[[Plan], float] = lambda _: 1.0  # noqa: E731
    kept = ACCURACY.keeping("layer.0")

    assert len(rank(kept, SITES, measured)) == 9
    found = search(kept, Known(), constraints(0.005), lambda _: RANKING[1:])
    assert found.plan.kept == set(WORST[:3])


def test_where_no_speed_can_be_measured_none_is_and_the_drop_decides() -> None:
    found = search(ACCURACY, Known(fastest=0.1), constraints(0.005, min_speed=None), lambda _: RANKING)

    assert {trial.speed for trial in found.trials} == {None}
    assert found.plan.kept == set(WORST[:3])
    with pytest.raises(SearchError, match=r"no plan keeps the drop within 1e-05:"):
        search(ACCURACY, Known(), constraints(1e-5, min_speed=None), lambda _: RANKING)


def test_without_mixtures_a_plan_is_taken_as_it_is_or_not_at_all() -> None:
    known = Known()
    with pytest.raises(SearchError) as failed:
        search(ACCURACY, known, constraints(0.005, mixtures=False), never)
    assert (len(failed.value.trials), known.judged) == (1, [0])
    assert search(ACCURACY, known, constraints(0.05, mixtures=False), never).plan is ACCURACY
