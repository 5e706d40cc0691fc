"""The search for a plan that holds a budget, over measures that are known in advance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from bert_calibration.budget import Budget, BudgetError, search
from bert_calibration.plans import FAITHFUL, FAST, Form, Plan
from bert_calibration.sensitivity import Sensitivity, rank
from bert_runtime.errors import BertError

SITES = [f"layer.{i}" for i in range(10)]
RANKING = [Sensitivity(name, 1.0 - i / 10) for i, name in enumerate(SITES)]


@dataclass
class Known:
    """A drop of 0.01 for each quantised site of the worst three, and 0.0001 for each other; slower with each kept."""

    fastest: float = 3.0
    asked: int = 0

    def drop(self, plan: Plan) -> float:
        self.asked += 1
        return sum(0.01 if i < 3 else 0.0001 for i, name in enumerate(SITES) if name not in plan.kept)

    def speed(self, plan: Plan) -> float:
        return self.fastest - 0.1 * len(plan.kept)


def never() -> list[Sensitivity]:
    raise AssertionError("nothing had to be ranked")


def test_a_plan_that_holds_is_taken_and_nothing_is_ranked() -> None:
    found = search(FAST, Known(), Budget(max_drop=0.05), never)

    assert found.plan is FAST
    assert [trial.speed for trial in found.trials] == [3.0]


def test_the_worst_sites_are_kept_until_the_budget_holds() -> None:
    found = search(FAITHFUL, Known(), Budget(max_drop=0.005), lambda: RANKING)

    assert found.plan.kept == set(SITES[:4])  # 1 and 2 leave one of the worst three
    assert [len(trial.plan.kept) for trial in found.trials] == [0, 1, 2, 4]
    assert [trial.speed for trial in found.trials] == [None, None, None, 2.6]


def test_sites_become_per_token_before_they_become_floats() -> None:
    with pytest.raises(BudgetError) as failed:
        search(FAST, Known(), Budget(max_drop=0.0), lambda: RANKING)

    forms = [trial.plan.careful for trial in failed.value.trials if trial.plan.kept]
    assert forms == [Form.TOKEN] * 4 + [Form.FLOAT] * 4


def test_a_budget_that_nothing_holds_is_an_error_with_the_table() -> None:
    with pytest.raises(BudgetError, match=r"no plan keeps the drop within 0: allow more with --max-drop") as failed:
        search(FAITHFUL, Known(), Budget(max_drop=0.0), lambda: RANKING)

    assert isinstance(failed.value, BertError)
    assert len(failed.value.trials) == 5
    assert failed.value.ranking == tuple(RANKING)
    assert "faithful with 8 sites in float: drop 0.0002" in str(failed.value)


def test_a_plan_that_is_not_faster_is_an_error() -> None:
    with pytest.raises(BudgetError, match=r"is not more than 1x as fast as fp32 on this machine: leave --int8 out"):
        search(FAITHFUL, Known(fastest=1.0), Budget(max_drop=0.05), never)


def test_a_plan_that_gains_holds_any_budget() -> None:
    class Gains(Known):
        def drop(self, plan: Plan) -> float:
            return -0.01

    assert search(FAITHFUL, Gains(), Budget(max_drop=0.0), never).plan is FAITHFUL


def test_ranking_quantises_each_site_alone_and_puts_the_worst_first() -> None:
    seen: list[Plan] = []

    def error(plan: Plan) -> float:
        seen.append(plan)
        (alone,) = set(SITES) - plan.kept
        return 5.0 if alone == "layer.7" else 1.0

    ranking = rank(FAST, SITES, error)

    assert [each.site for each in ranking] == ["layer.7", *SITES[:7], *SITES[8:]]
    assert all(plan.careful is Form.FLOAT and not plan.embedding for plan in seen)


def test_sites_that_are_kept_anyway_are_not_ranked() -> None:
    measured: Callable[[Plan], float] = lambda _: 1.0  # noqa: E731

    assert len(rank(FAST.keeping("layer.0"), SITES, measured)) == 9


def test_where_no_speed_can_be_measured_none_is_and_the_drop_decides() -> None:
    found = search(FAITHFUL, Known(fastest=0.1), Budget(max_drop=0.005, min_speed=None), lambda: RANKING)

    assert [trial.speed for trial in found.trials] == [None] * 4
    assert found.plan.kept == set(SITES[:4])
    with pytest.raises(BudgetError, match=r"no plan keeps the drop within 0:"):
        search(FAITHFUL, Known(), Budget(max_drop=0.0, min_speed=None), lambda: RANKING)


def test_without_mixtures_a_plan_is_taken_as_it_is_or_not_at_all() -> None:
    known = Known()
    with pytest.raises(BudgetError) as failed:
        search(FAITHFUL, known, Budget(max_drop=0.005, mixtures=False), never)
    assert (len(failed.value.trials), known.asked) == (1, 1)
    assert search(FAITHFUL, known, Budget(max_drop=0.05, mixtures=False), never).plan is FAITHFUL
