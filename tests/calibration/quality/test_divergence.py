"""How far outputs are apart: SciPy's divergence, padding excluded, and larger for more noise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.special import expit, softmax

from bert_calibration.quality import MEASURES
from bert_calibration.quality.divergence import of_each_label, of_labels, of_spans, of_values, of_vectors

RANDOM = np.random.default_rng(0)
ONE, OTHER = (RANDOM.normal(0, 4, (3, 5, 7)).astype(np.float32) for _ in range(2))
KEPT = np.arange(5) < np.array([[5], [3], [1]])


def test_labels_are_compared_token_by_token_without_padding() -> None:
    expected = jensenshannon(softmax(ONE[KEPT], -1), softmax(OTHER[KEPT], -1), axis=-1) ** 2
    assert of_labels(ONE, OTHER, KEPT) == pytest.approx(expected, abs=1e-6)


def test_spans_are_compared_over_the_tokens_of_each_row() -> None:
    one, other = ONE[..., 0], OTHER[..., 0]
    expected = [
        jensenshannon(softmax(one[row, : KEPT[row].sum()]), softmax(other[row, : KEPT[row].sum()])) ** 2
        for row in range(3)
    ]
    assert of_spans(one, other, KEPT) == pytest.approx(expected, abs=1e-6)


def test_each_label_of_several_is_a_distribution_of_its_own() -> None:
    one, other = expit(ONE[:, 0]), expit(OTHER[:, 0])
    pairs = jensenshannon(np.stack([one, 1 - one], -1), np.stack([other, 1 - other], -1), axis=-1) ** 2
    found = of_each_label(ONE[:, 0], OTHER[:, 0], np.ones(3, bool))
    assert found == pytest.approx(pairs.mean(axis=-1), abs=1e-6)


def test_values_and_vectors_are_compared_as_numbers() -> None:
    every = np.ones(2, bool)
    one, other = np.array([[1.0], [2.0]], np.float32), np.array([[1.5], [2.0]], np.float32)
    assert of_values(one, other, every).tolist() == [0.25, 0.0]
    vectors = np.array([[1, 0], [1, 1]], np.float32), np.array([[0, 2], [2, 2]], np.float32)
    assert of_vectors(*vectors, every) == pytest.approx([1.0, 0.0])


@pytest.mark.parametrize("measure", MEASURES.values())
def test_every_head_has_a_divergence_that_grows_with_noise_and_is_0_for_equals(measure: object) -> None:
    apart = measure.divergence  # type: ignore[attr-defined]
    outputs = ONE[..., 0] if apart is of_spans else ONE
    noise = RANDOM.normal(0, 1, outputs.shape).astype(np.float32)
    means = [float(apart(outputs + size * noise, outputs, KEPT).mean()) for size in (0.0, 0.01, 0.1, 1.0)]

    assert means[0] == pytest.approx(0, abs=1e-9)
    assert means == sorted(means)
    assert means[1] < means[2] < means[3]


def test_certain_outputs_have_a_finite_divergence() -> None:
    certain = np.array([[1e4, -1e4], [-1e4, 1e4]], np.float32)
    found = of_labels(certain, certain[::-1], np.ones(2, bool))
    assert found == pytest.approx(np.log(2))
