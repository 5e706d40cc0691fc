"""A batch is brought into an engine's sizes or refused; what padding adds changes no answer and comes off again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.runtime.backends.conftest import GOLDEN

from bert_runtime.backends.profile import Profile, axis_sizes, copy_into, crop, pad, read_profile
from bert_runtime.errors import BackendError, BundleError, InputError
from bert_runtime.loading import load
from bert_runtime.tasks.tensors import TensorSpec

PROFILE = Profile({"batch": (2, 4, 8), "sequence": (4, 16, 32), "past": (1, 2, 3)})
INPUTS = (TensorSpec("input_ids", "int64", ("batch", "sequence")), TensorSpec("cache", "float32", ("batch", "past")))


def test_sizes_within_are_kept_and_smaller_ones_grow() -> None:
    assert PROFILE.fit({"batch": 3, "sequence": 32}) == {"batch": 3, "sequence": 32}
    assert PROFILE.fit({"batch": 1, "sequence": 1}) == {"batch": 2, "sequence": 4}


def test_every_size_outside_is_told_at_once() -> None:
    with pytest.raises(BackendError) as caught:
        PROFILE.fit({"batch": 9, "sequence": 33})
    assert "not built for batch 9, expected 8 at most, sequence 33, expected 32 at most" in str(caught.value)


def test_an_axis_that_cannot_be_padded_is_refused_below_too() -> None:
    with pytest.raises(BackendError, match="past 0, expected 1 at least"):
        PROFILE.fit({"past": 0})


def test_an_axis_without_a_size_is_refused() -> None:
    with pytest.raises(BackendError, match="has no sizes for choices"):
        PROFILE.fit({"choices": 2})


def test_an_empty_batch_is_not_padded() -> None:
    with pytest.raises(BackendError, match="batch 0, expected 2 at least"):
        PROFILE.fit({"batch": 0})


@pytest.mark.parametrize("sizes", [(0, 1, 2), (2, 1, 3), (1, 4, 3)])
def test_sizes_out_of_order_are_refused(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(InputError, match="expected min <= opt <= max from 1"):
        Profile({"batch": sizes})


def test_shapes_are_written_as_the_provider_reads_them() -> None:
    assert PROFILE.shapes(INPUTS) == (
        "input_ids:2x4,cache:2x1",
        "input_ids:4x16,cache:4x2",
        "input_ids:8x32,cache:8x3",
    )


def test_a_profile_without_an_axis_of_the_graph_is_refused() -> None:
    with pytest.raises(BackendError, match="has no sizes for past, expected all axes"):
        Profile({"batch": (1, 1, 1), "sequence": (1, 1, 1)}).shapes(INPUTS)


def test_padding_leaves_the_answers_of_a_real_network_as_they_were() -> None:
    """Rows and tokens that are added reach no other row, and come off the outputs."""
    with load(GOLDEN / "token-classification") as session:
        inputs, (output,) = session.artefact.inputs, session.artefact.outputs
        random = np.random.default_rng(3)
        feeds = {
            "input_ids": random.integers(5, 60, size=(3, 7)),
            "attention_mask": (np.arange(7) < np.array([[7], [2], [5]])).astype(np.int64),
            "token_type_ids": np.zeros((3, 7), np.int64),
        }
        sizes = axis_sizes(feeds, inputs)
        assert sizes == {"batch": 3, "sequence": 7}
        padded = pad(feeds, inputs, {"batch": 5, "sequence": 16})
        found = crop(session.run(padded)[output.name], output.axes, sizes)
        expected = session.run(feeds)[output.name]
    assert padded["attention_mask"].sum(axis=1).min() > 0
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_choices_are_padded_with_whole_choices() -> None:
    with load(GOLDEN / "multiple-choice") as session:
        inputs, (output,) = session.artefact.inputs, session.artefact.outputs
        random = np.random.default_rng(3)
        feeds = {spec.name: np.ones((2, 3, 6), np.int64) for spec in inputs}
        feeds["input_ids"] = random.integers(5, 60, size=(2, 3, 6))
        feeds["token_type_ids"] = np.zeros((2, 3, 6), np.int64)
        sizes = axis_sizes(feeds, inputs)
        padded = pad(feeds, inputs, {"batch": 2, "choices": 5, "sequence": 9})
        found = crop(session.run(padded)[output.name], output.axes, sizes)
        np.testing.assert_allclose(found, session.run(feeds)[output.name], atol=1e-5)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "is no JSON"),
        ("[]", "expected axes with whole numbers"),
        ('{"axes": {}}', "expected axes with whole numbers"),
        ('{"axes": {"batch": {"min": 1, "opt": 2}}}', "expected axes with whole numbers"),
        ('{"axes": {"batch": {"min": 1, "opt": 2, "max": "8"}}}', "expected axes with whole numbers"),
        ('{"axes": {"batch": {"min": 1, "opt": 2, "max": true}}}', "expected axes with whole numbers"),
        ('{"axes": {"batch": {"min": 3, "opt": 2, "max": 8}}}', "batch is 3, 2, 8, expected min <= opt <= max"),
    ],
)
def test_a_file_that_is_no_profile_is_a_broken_bundle(content: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "profile.tensorrt.json"
    path.write_text(content)
    with pytest.raises(BundleError, match=told):
        read_profile(path)


def test_a_cache_may_begin_empty() -> None:
    assert Profile({"past": (0, 16, 32)}).fit({"past": 0}) == {"past": 0}


def test_arrays_of_another_shape_are_not_filled() -> None:
    with pytest.raises(BackendError, match=r"logits has the shape \(2,\), expected \(3,\)"):
        copy_into({"logits": np.ones(2)}, {"logits": np.zeros(3)})
