"""Groups leave in the order of what they cost, and those that stay are what least squares gives."""

from __future__ import annotations

import numpy as np
import pytest

from bert_calibration.pruning.brain_surgeon import Moments, refit, removal

RANDOM = np.random.default_rng(3)
TOKENS, ROWS, OUTPUTS = 400, 12, 5


def activations() -> tuple[np.ndarray, np.ndarray]:
    """Correlated activations, and weights that read them."""
    mixed = RANDOM.standard_normal((TOKENS, ROWS)) @ RANDOM.standard_normal((ROWS, ROWS))
    return mixed + 0.5, RANDOM.standard_normal((ROWS, OUTPUTS))


def moments_of(inputs: np.ndarray, lacking: np.ndarray) -> Moments:
    mean, shift = inputs.mean(axis=0), lacking.mean(axis=0)
    centred = inputs - mean
    return Moments(centred.T @ centred / TOKENS, mean, centred.T @ lacking / TOKENS, shift, TOKENS)


@pytest.mark.parametrize("size", [1, 3])
def test_each_step_costs_what_brute_force_least_squares_loses(size: int) -> None:
    inputs, weights = activations()
    inputs -= inputs.mean(axis=0)
    hessian = inputs.T @ inputs
    found = removal(hessian, weights, size, step=1)
    outputs = inputs @ weights
    for number in range(1, ROWS // size):
        rows = np.concatenate([np.arange(group * size, (group + 1) * size) for group in found.kept(number)])
        fitted = np.linalg.lstsq(inputs[:, rows], outputs, rcond=None)[0]
        lost = np.square(outputs - inputs[:, rows] @ fitted).sum() / np.square(outputs).sum()
        assert found.error(number) == pytest.approx(lost, rel=1e-6)


def test_the_first_to_leave_is_the_one_that_brute_force_would_choose() -> None:
    inputs, weights = activations()
    inputs -= inputs.mean(axis=0)
    outputs = inputs @ weights

    def lost(without: int) -> float:
        rows = [row for row in range(ROWS) if row != without]
        fitted = np.linalg.lstsq(inputs[:, rows], outputs, rcond=None)[0]
        return float(np.square(outputs - inputs[:, rows] @ fitted).sum())

    assert removal(inputs.T @ inputs, weights, 1, step=1).order[0] == min(range(ROWS), key=lost)


def test_a_structure_that_nothing_reads_leaves_first_and_costs_nothing() -> None:
    inputs, weights = activations()
    weights[[2, 7]] = 0
    found = removal(inputs.T @ inputs, weights, 1, step=1)
    assert set(found.order[:2]) == {2, 7}
    assert found.error(ROWS - 2) == pytest.approx(0, abs=1e-12)


def test_all_kept_rows_stay_as_they_are() -> None:
    inputs, weights = activations()
    found, grown = refit(moments_of(inputs, np.zeros((TOKENS, OUTPUTS))), weights, np.arange(ROWS))
    assert found == pytest.approx(weights)
    assert grown == pytest.approx(0, abs=1e-9)


def test_refitting_is_ridge_regression_towards_the_weights_and_what_the_output_lacks() -> None:
    inputs, weights = activations()
    lacking = RANDOM.standard_normal((TOKENS, OUTPUTS)) + 0.3
    moments, rows = moments_of(inputs, lacking), np.array([0, 3, 4, 9])
    found, grown = refit(moments, weights, rows)
    wanted = inputs @ weights + lacking
    centred, level = inputs - inputs.mean(axis=0), moments.damped - moments.covariance
    damping = np.sqrt(np.diagonal(level) * TOKENS)
    system = np.vstack([centred[:, rows], np.diag(damping)[:, rows]])
    target = np.vstack([wanted - wanted.mean(axis=0), np.diag(damping) @ weights])
    assert found == pytest.approx(np.linalg.lstsq(system, target, rcond=None)[0])
    assert (inputs[:, rows] @ found + grown).mean(axis=0) == pytest.approx(wanted.mean(axis=0)), "the bias has the mean"


def test_steps_take_several_groups_and_end_with_one_step() -> None:
    inputs, weights = activations()
    found = removal(inputs.T @ inputs, weights, 1, step=4)
    assert len(found.errors) == ROWS // 4
    assert sorted(found.order) == list(range(ROWS))
    assert np.all(np.diff(found.errors) >= 0)
