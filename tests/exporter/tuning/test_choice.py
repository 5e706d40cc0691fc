"""Who wins is a rule about numbers: the fastest, but only beyond noise."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bert_export.tuning.candidate import CandidatePlan
from bert_export.tuning.choice import FINALISTS, Spread, Trial, decide, finalists, is_slower

FP32, BF16 = CandidatePlan("cpu", "fp32"), CandidatePlan("openvino", "bf16")
OV32, PERFORMANCE, ACCURACY = (
    CandidatePlan("openvino", "fp32"),
    CandidatePlan("cpu", "int8", "performance"),
    CandidatePlan("cpu", "int8", "accuracy"),
)
ROUND = (1.0, 1.1, 0.9, 1.05, 0.95)
"""Seconds of five noisy rounds: the quartiles lie 5% around the median."""


def trial(plan: CandidatePlan, ratio: float, threads: int = 2, noise: float = 0.02, is_eligible: bool = True) -> Trial:
    spread = Spread(ratio * (1 - noise), ratio, ratio * (1 + noise))
    return Trial(plan.name, plan.rank, threads, spread, is_eligible)


def rounds(seconds: float) -> Sequence[float]:
    """What disturbs the machine disturbs all who take turns."""
    return [seconds * disturbed for disturbed in ROUND]


def test_a_winner_beats_the_others_round_by_round_even_where_rounds_differ_by_more() -> None:
    first, fast = trial(FP32, 1.0), trial(PERFORMANCE, 1.08)
    verdict = decide({first: rounds(1.0), fast: rounds(1 / 1.08)}, [first, fast])
    assert verdict.winner is fast
    assert verdict.reason == "it is 1.08x (1.08 to 1.08) as fast as cpu fp32, 2 threads"


@pytest.mark.parametrize("lead", [1.0, 1.01, 1.03])
def test_a_lead_that_is_not_worth_it_leaves_the_victory_to_the_more_exact(lead: float) -> None:
    first, bf16 = trial(FP32, 1.0), trial(BF16, lead)
    verdict = decide({bf16: rounds(1 / lead), first: rounds(1.0)}, [first, bf16])
    assert verdict.winner is first
    if lead > 1:
        assert "openvino bf16, 2 threads is" in verdict.reason
        assert verdict.reason.endswith("as fast, not beyond noise and 3%: the more exact one wins")


def test_a_large_lead_in_too_few_rounds_is_noise() -> None:
    first, fast = trial(FP32, 1.0), trial(PERFORMANCE, 1.3)
    # The median is 1.3 times as fast, the lower quartile is not faster at all.
    verdict = decide({first: [1.0] * 5, fast: [0.77, 0.77, 0.77, 1.0, 1.1]}, [first, fast])
    assert verdict.winner is first


def test_the_leader_is_measured_against_each_other_one_by_itself() -> None:
    first, bf16, fast = trial(FP32, 1.0), trial(BF16, 2.0), trial(PERFORMANCE, 2.04)
    verdict = decide({first: rounds(1.0), bf16: rounds(0.5), fast: rounds(0.49)}, [first, bf16, fast])
    assert verdict.winner is bf16, "fp32 is beaten by the leader, bf16 is not and is the more exact"
    assert verdict.finalists == (first, bf16, fast)


@pytest.mark.parametrize(
    ("more", "less"),
    [
        (trial(FP32, 2.0), trial(OV32, 2.0)),
        (trial(FP32, 2.0), trial(FP32, 2.0, threads=1)),
        (trial(OV32, 2.0), trial(BF16, 2.0)),
        (trial(BF16, 2.0), trial(ACCURACY, 2.0)),
        (trial(ACCURACY, 2.0), trial(PERFORMANCE, 2.0)),
        (trial(OV32, 2.0, threads=1), trial(ACCURACY, 2.0)),
    ],
)
def test_of_equally_fast_ones_the_more_exact_then_the_simpler_wins(more: Trial, less: Trial) -> None:
    for final in ({more: rounds(0.5), less: rounds(0.5)}, {less: rounds(0.5), more: rounds(0.5)}):
        assert decide(final, list(final)).winner is more


def test_who_is_clearly_ahead_needs_no_final() -> None:
    trials = [trial(FP32, 1.0), trial(BF16, 1.5), trial(PERFORMANCE, 3.0)]
    assert finalists(trials) == (trials[2],)
    verdict = decide({trials[2]: ()}, trials)
    assert verdict.winner is trials[2]
    assert verdict.reason.startswith("no other comes near it: the next, openvino bf16, 2 threads, is 1.50x")


def test_overlapping_quartiles_lead_to_a_final() -> None:
    trials = [trial(FP32, 1.0), trial(BF16, 2.8, noise=0.1), trial(PERFORMANCE, 3.0, noise=0.1)]
    assert finalists(trials) == (trials[2], trials[1])


def test_of_too_many_the_best_and_the_most_exact_are_in_the_final() -> None:
    near = [trial(PERFORMANCE, 1.0 + i / 1000, threads=i, noise=0.5) for i in range(1, 9)]
    exact = trial(FP32, 0.9, noise=0.5)
    found = finalists([*near, exact])
    assert len(found) == FINALISTS
    assert found[0] is near[-1]
    assert found[1] is exact


def test_what_nobody_judged_is_never_chosen() -> None:
    trials = [trial(FP32, 1.0), trial(PERFORMANCE, 9.0, is_eligible=False)]
    assert finalists(trials) == (trials[0],)
    verdict = decide({trials[0]: ()}, trials)
    assert verdict.winner is trials[0]
    assert verdict.reason == "nothing else passed its gates"


def test_fewer_threads_lose_only_beyond_noise() -> None:
    assert is_slower(Spread(0.5, 0.6, 0.7), Spread(0.9, 1.0, 1.1))
    assert not is_slower(Spread(0.8, 0.85, 0.89), Spread(0.9, 1.0, 1.1)), "0.89 is within 3% of 0.9"
    assert not is_slower(Spread(1.5, 1.6, 1.7), Spread(0.9, 1.0, 1.1))


def test_a_spread_is_of_ratios_round_by_round() -> None:
    assert Spread.of_ratios([1, 2, 30], [1, 1, 10]) == Spread(1.5, 2.0, 2.5)
