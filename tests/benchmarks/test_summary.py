from __future__ import annotations

import pytest
from benchmarks.summary import Ratio, best, percentiles, speed_up, typical


def test_one_slow_call_and_one_slow_round_do_not_move_the_typical_time() -> None:
    assert typical([[10.0, 11.0, 500.0], [10.0, 11.0, 12.0], [300.0, 300.0, 300.0]]) == 11.0


def test_the_best_time_is_the_fastest_call_of_all_rounds() -> None:
    assert best([[5.0, 4.0], [3.0, 9.0]]) == 3.0


def test_percentiles_are_times_of_calls_whatever_round_they_were_in() -> None:
    rounds = [[float(i) for i in range(1, 51)], [float(i) for i in range(100, 50, -1)]]
    assert percentiles(rounds) == (50.0, 90.0, 99.0)


def test_the_late_percentiles_of_few_calls_are_their_slowest() -> None:
    assert percentiles([[1.0], [3.0], [2.0]]) == (2.0, 3.0, 3.0)


def test_a_moment_that_slows_both_engines_leaves_their_ratio_alone() -> None:
    ours = [[10.0], [10.0], [70.0], [70.0], [70.0]]
    theirs = [[20.0], [20.0], [140.0], [140.0], [140.0]]
    assert speed_up(ours, theirs) == Ratio(2.0, 2.0, 2.0)


def test_a_ratio_pairs_round_with_round_not_median_with_median() -> None:
    ours, theirs = [[1.0], [2.0], [4.0]], [[4.0], [2.0], [12.0]]
    assert speed_up(ours, theirs).median == 3.0  # of 4, 1 and 3; the medians alone would give 2


def test_the_spread_of_a_ratio_is_its_quartiles() -> None:
    ours = [[1.0]] * 5
    assert speed_up(ours, [[1.0], [2.0], [3.0], [4.0], [5.0]]) == Ratio(3.0, 2.0, 4.0)


def test_an_engine_is_as_fast_as_itself() -> None:
    assert speed_up([[3.0, 4.0]], [[3.0, 4.0]]) == Ratio(1.0, 1.0, 1.0)


def test_faster_than_the_baseline_is_above_one() -> None:
    assert speed_up([[5.0]], [[10.0]]).median == 2.0


def test_unequal_numbers_of_rounds_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        speed_up([[1.0]], [[1.0], [1.0]])


@pytest.mark.parametrize("rounds", [[], [[]], [[1.0], []]])
def test_rounds_without_a_call_are_refused(rounds: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="at least one round of one call"):
        typical(rounds)
