"""The law that a loss grows with the root of the divergence, and one number for all that was judged."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bert_calibration.loss_law import LossLaw
from bert_calibration.quality.divergence import jensen_shannon


def log_softmax(logits: np.ndarray) -> np.ndarray:
    found: np.ndarray = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    return found


def test_changed_answers_follow_the_divergence_over_two_orders_of_magnitude() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(size=(60_000, 5)) * 3
    judged = []
    for size in (0.02, 0.05, 0.1, 0.2):
        noisy = logits + random.normal(size=logits.shape) * size
        apart = float(jensen_shannon(log_softmax(noisy), log_softmax(logits)).mean())
        judged.append((apart, float((noisy.argmax(axis=1) != logits.argmax(axis=1)).mean())))
    law = LossLaw.of(judged)
    assert judged[-1][0] > 50 * judged[0][0]
    assert [law.expected(apart) for apart, _ in judged] == pytest.approx([loss for _, loss in judged], rel=0.15)


def test_one_lucky_plan_changes_it_less_than_its_own_loss_says() -> None:
    judged = [(0.0004, 0.08), (0.0001, 0.04), (0.0001, 0.0)]
    assert LossLaw.of(judged).expected(0.0001) == pytest.approx(0.03)


def test_the_divergence_for_a_loss_is_that_of_which_no_more_is_expected() -> None:
    law = LossLaw.of([(0.0004, 0.08)])
    assert law.expected(law.divergence(0.02)) == pytest.approx(0.02)
    assert law.divergence(0.02) == pytest.approx(0.000025)


@pytest.mark.parametrize("judged", [[], [(0.1, 0.0)], [(0.1, -0.2)], [(math.inf, 0.5), (0.1, math.nan)], [(0.0, 0.0)]])
def test_nothing_lost_expects_nothing(judged: list[tuple[float, float]]) -> None:
    law = LossLaw.of(judged)
    assert (law.expected(math.inf), law.divergence(0.01)) == (0.0, math.inf)
