"""What samples can say of an accuracy constraint, and how many of them it takes."""

from __future__ import annotations

import dataclasses

import pytest
import scipy.stats

from bert_calibration.accuracy import AccuracyConstraint, Drop, Verdict, least_drop, needed_samples

CONSTRAINT = AccuracyConstraint(0.01)


def lost(value: float, low: float, high: float, samples: int, held_out: bool = True) -> Drop:
    return Drop("accuracy", value, low, high, samples, held_out)


@pytest.mark.parametrize("max_drop", [0.001, 0.005, 0.01, 0.02, 0.1, 0.5, 0.999])
def test_enough_samples_are_those_on_which_no_change_is_a_proof(max_drop: float) -> None:
    """The exact one-sided bound of Clopper and Pearson, as SciPy computes it."""
    needed = AccuracyConstraint(max_drop).needed
    assert needed is not None
    bound = scipy.stats.binomtest(0, needed, alternative="less").proportion_ci(0.95, "exact").high
    assert bound <= max_drop + 1e-12
    if needed > 1:
        bound = scipy.stats.binomtest(0, needed - 1, alternative="less").proportion_ci(0.95, "exact").high
        assert bound > max_drop


def test_the_usual_constraint_takes_299_samples() -> None:
    assert CONSTRAINT.needed == 299
    assert not CONSTRAINT.can_tell(298)
    assert CONSTRAINT.can_tell(299)


def test_the_widest_constraint_takes_one_sample_the_narrowest_more_than_there_are() -> None:
    assert AccuracyConstraint(1.0).needed == 1
    assert AccuracyConstraint(0.0).needed is None
    assert not AccuracyConstraint(0.0).can_tell(10**9)
    assert "allow more than 0" in needed_samples(AccuracyConstraint(0.0))


@pytest.mark.parametrize("samples", [1, 2, 10, 32, 150, 299, 1000])
def test_the_least_drop_that_samples_can_tell_is_one_that_they_can(samples: int) -> None:
    assert AccuracyConstraint(least_drop(samples)).can_tell(samples)
    assert least_drop(samples) <= 1.11 * (1 - 0.05 ** (1 / samples))


@pytest.mark.parametrize(
    ("drop", "verdict"),
    [
        (lost(0.0, -0.01, 0.01, 372), Verdict.MET),
        (lost(0.0081, 0.002, 0.02, 372), Verdict.MET),
        (lost(-0.02, -0.03, -0.01, 372), Verdict.MET),
        (lost(0.0108, 0.002, 0.02, 372), Verdict.BROKEN),
        (lost(0.0, 0.0, 0.11, 32), Verdict.UNPROVEN),
        (lost(1 / 32, 0.0008, 0.162, 32), Verdict.UNPROVEN),
        (lost(0.5, 0.3, 0.7, 32), Verdict.BROKEN),
        (lost(0.5, 0.5, 0.5, 2), Verdict.UNPROVEN),
        (lost(0.0, -0.01, 0.01, 372, held_out=False), Verdict.UNPROVEN),
        (lost(float("nan"), 0.0, 0.0, 372), Verdict.BROKEN),
        (lost(float("nan"), 0.0, 0.0, 3), Verdict.BROKEN),
    ],
)
def test_a_verdict_follows_from_the_estimate_where_samples_can_tell(drop: Drop, verdict: Verdict) -> None:
    assert CONSTRAINT.verdict(drop) is verdict


def test_a_share_that_is_the_constraint_meets_it_whatever_its_last_bit_says() -> None:
    share = 1 - (1 - 3 / 150)
    assert share > 0.02, "a float, and not 0.02"
    constraint = AccuracyConstraint(0.02)
    assert constraint.verdict(lost(share, 0.0, 0.06, 150)) is Verdict.MET
    assert constraint.verdict(lost(4 / 150, 0.0, 0.06, 150)) is Verdict.BROKEN


def test_what_is_accepted_unproven_is_not_what_is_shown_to_be_lost() -> None:
    accepting = dataclasses.replace(CONSTRAINT, accept_unproven=True)
    unproven, broken = lost(0.0, 0.0, 0.11, 32), lost(0.5, 0.3, 0.7, 32)
    assert (CONSTRAINT.allows(unproven), accepting.allows(unproven)) == (False, True)
    assert not accepting.allows(broken)


def test_a_verdict_says_what_was_compared_on_how_many_and_how_many_would_settle_it() -> None:
    met = CONSTRAINT.judged(lost(0.005, -0.002, 0.02, 400))
    assert str(met) == (
        "accuracy constraint met: accuracy drops by 0.0050 (95% interval -0.0020 to 0.0200) on 400 independent "
        "held-out samples, and 0.01 may be lost; about 3600 samples would bring the whole interval within that"
    )
    unproven = CONSTRAINT.judged(lost(0.0, 0.0, 0.11, 32))
    assert str(unproven).startswith(
        "accuracy not proven: accuracy drops by 0.0000 (95% interval 0.0000 to 0.1100) on 32"
    )
    assert str(unproven).endswith("; 299 independent held-out samples or more can tell")
    assert unproven.to_json()["verdict"] == "accuracy not proven"
    assert (unproven.to_json()["samples"], unproven.to_json()["needed"]) == (32, 299)
