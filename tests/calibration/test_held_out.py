"""No text calibrates and judges, and none counts twice."""

from __future__ import annotations

import pytest

from bert_calibration.held_out import MOST_CALIBRATING, HeldOut, hold_out, lines_for


def of(*seen: str) -> HeldOut:
    return hold_out(seen, range(len(seen)))


def test_every_other_sample_calibrates() -> None:
    assert of(*"abcdef") == HeldOut((0, 2, 4), (1, 3, 5), 0)


def test_three_equal_samples_are_one_and_it_does_not_judge() -> None:
    assert of("a", "a", "a") == HeldOut((0,), (), 2)
    assert of("a") == HeldOut((0,), (), 0)


@pytest.mark.parametrize("number", [2, 3, 50, 257, 1000])
def test_no_text_is_on_both_sides_or_twice_on_one(number: int) -> None:
    seen = [str(i % (number * 2 // 3 + 1)) for i in range(number)]
    found = hold_out(seen, range(number))
    calibrating, judging = ([seen[i] for i in part] for part in (found.calibration, found.judged))
    assert not set(calibrating) & set(judging)
    assert len(set(calibrating)) == len(calibrating)
    assert len(set(judging)) == len(judging)
    assert found.repeated == number - len(calibrating) - len(judging)


def test_of_many_samples_some_calibrate_evenly_over_all_and_the_rest_judges() -> None:
    found = hold_out(range(1000), range(1000))
    assert len(found.calibration) == MOST_CALIBRATING
    assert len(found.judged) == 1000 - MOST_CALIBRATING
    gaps = {b - a for a, b in zip(found.calibration, found.calibration[1:], strict=False)}
    assert gaps == {7, 8}


@pytest.mark.parametrize("judged", [1, 40, 128, 299, 1000])
def test_so_many_lines_let_so_many_judge(judged: int) -> None:
    number = lines_for(judged)
    assert len(hold_out(range(number), range(number)).judged) == judged


def test_where_nothing_calibrates_all_judge_once() -> None:
    assert hold_out("abab", range(4), calibrates=False) == HeldOut((), (0, 1), 2)


def test_what_calibrated_before_does_not_judge() -> None:
    assert hold_out("abcb", range(4), calibrates=False, calibrated="b") == HeldOut((1, 3), (0, 2), 0)


def test_the_texts_of_a_pair_stay_together() -> None:
    found = hold_out("abcdefgh", ["x", "y", "x", "y", "z", "z", "w", "w"])
    assert found == HeldOut((0, 2, 4, 5), (1, 3, 6, 7), 0)


def test_a_pair_with_a_text_that_calibrates_does_not_judge() -> None:
    found = hold_out("abacdefg", ["x", "x", "y", "y", "z", "z", "w", "w"])
    assert found == HeldOut((0, 1, 4, 5), (6, 7), 2)
