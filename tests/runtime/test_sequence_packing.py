"""Texts share rows without padding to speak of, each stands in one segment, and gets its own outputs back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bert_runtime.backends.openvino import is_installed
from bert_runtime.errors import BackendError, InputError
from bert_runtime.loading import load
from bert_runtime.options import Options
from bert_runtime.schedule import BatchLimits, plan, width
from bert_runtime.sequence_packing import WIDTH, fill, fullest, pack, plan_packed, unpack
from bert_runtime.tasks import TASKS, find_task
from bert_runtime.tasks.task import Features
from bert_runtime.tasks.tensors import TensorSpec

GOLDEN = Path(__file__).parents[1] / "golden" / "v1"
SHARED = GOLDEN / "text-classification-sequence-packing"
PAD = 9
OUTPUTS = (
    TensorSpec("tokens", "float32", ("batch", "sequence")),
    TensorSpec("whole", "float32", ("batch", "texts", "labels")),
    TensorSpec("masked", "float32", ("batch", "masks", "vocabulary")),
)
lengths = st.lists(st.integers(1, 600), max_size=60)
texts = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 3)), min_size=1, max_size=30)
needs_openvino = pytest.mark.skipif(not is_installed(), reason="openvino is not installed")


def text(length: int, first: int = 100, masks: int | None = None) -> Features:
    """Ids from `first` on, so that every text and segment can be told apart."""
    ids = np.arange(first, first + length, dtype=np.int64)
    positions = None if masks is None else np.linspace(0, length - 1, min(masks, length)).astype(np.int64)
    return Features(ids, ids % 2, np.ones(length, np.int64), positions)


def room(length: int, least: int = WIDTH) -> int:
    return length if length <= least else next(least * 2**n for n in range(12) if least * 2**n >= length)


@settings(suppress_health_check=[HealthCheck.too_slow])  # on a busy machine
@given(lengths, st.sampled_from([32, WIDTH]))
def test_every_text_is_in_one_row_which_has_room_for_all_of_its_own(found: list[int], least: int) -> None:
    rows = fill(found, least)
    assert sorted(i for row in rows for i in row) == list(range(len(found)))
    for row in rows:
        assert sum(found[i] for i in row) <= max(least, room(found[row[0]], least))
        assert found[row[0]] == max(found[i] for i in row)


@given(lengths)
def test_no_row_has_room_for_a_text_that_began_a_later_one(found: list[int]) -> None:
    rows = fill(found)
    for n, row in enumerate(rows):
        left = max(WIDTH, room(found[row[0]])) - sum(found[i] for i in row)
        assert all(found[later[0]] > left for later in rows[n + 1 :])


def test_texts_of_all_lengths_leave_next_to_no_padding_and_few_shapes() -> None:
    random = np.random.default_rng(0)
    found = np.minimum(512, random.lognormal(3.6, 1.0, 1000).astype(int) + 2).tolist()
    asked, limits = [text(length) for length in found], BatchLimits(max_batch_tokens=1024, pad_to_multiple_of=8)
    shapes = [(len(batch), width(fullest(batch, asked), limits)) for batch in plan_packed(asked, limits)]
    assert sum(found) / sum(rows * tokens for rows, tokens in shapes) > 0.96
    assert len(set(shapes)) < len(shapes) / 4


@pytest.mark.parametrize("length", [9, 60, 130, 200, 300, 500])
def test_texts_of_one_length_have_no_more_padding_than_in_rows_of_their_own(length: int) -> None:
    asked, limits = [text(length)] * 64, BatchLimits(pad_to_multiple_of=8)
    shared = sum(len(batch) * width(fullest(batch, asked), limits) for batch in plan_packed(asked, limits))
    own = sum(len(batch) * width(length, limits) for batch in plan(asked, limits))
    assert shared <= own * 1.07


@given(lengths, st.integers(1, 700), st.integers(1, 9), st.sampled_from([1, 8]))
def test_batches_keep_the_budget(found: list[int], tokens: int, most: int, multiple: int) -> None:
    asked, limits = [text(length) for length in found], BatchLimits(tokens, most, pad_to_multiple_of=multiple)
    batches = plan_packed(asked, limits)
    assert sorted(i for batch in batches for row in batch for i in row) == list(range(len(found)))
    for batch in batches:
        assert len(batch) <= most
        assert len(batch) == 1 or len(batch) * width(fullest(batch, asked), limits) <= tokens


@given(st.lists(st.integers(1, 512), min_size=1, max_size=80))
def test_what_is_left_has_one_of_few_shapes(found: list[int]) -> None:
    asked, limits = [text(length) for length in found], BatchLimits(pad_to_multiple_of=8)
    *_, last = plan_packed(asked, limits)
    assert last[0]
    assert len(last) in (1, 2, 4, 8, 16, 32, 64, limits.max_batch_tokens // width(fullest(last, asked), limits))


@given(texts)
def test_a_text_stands_in_one_place_and_knows_its_own_tokens(shapes: list[tuple[int, int]]) -> None:
    rows = [text(length, 100 * i, masks) for i, (length, masks) in enumerate(shapes)]
    inputs = [TensorSpec(n, "int64", ("batch", "sequence")) for n in ("input_ids", "token_type_ids", "sequence_ids")]
    inputs += [TensorSpec("position_ids", "int64", ("batch", "sequence"))]
    inputs += [TensorSpec("positions", "int64", ("batch", "masks"))]
    for batch in plan_packed(rows, BatchLimits(max_batch_tokens=300)):
        feeds, segments = pack(batch, rows, PAD, inputs)
        assert {array.dtype for array in feeds.values()} == {np.dtype(np.int64)}
        assert list(segments) == [i for row in batch for i in row]
        for i, segment in segments.items():
            own = feeds["sequence_ids"][segment.row] == segment.text + 1
            assert own.sum() == len(rows[i].ids)
            np.testing.assert_array_equal(feeds["input_ids"][segment.row][own], rows[i].ids)
            np.testing.assert_array_equal(feeds["token_type_ids"][segment.row][own], rows[i].type_ids)
            np.testing.assert_array_equal(feeds["position_ids"][segment.row][own], np.arange(len(rows[i].ids)))
            masks = rows[i].positions
            assert masks is not None
            found = feeds["positions"][segment.row][segment.mask : segment.mask + len(masks)]
            np.testing.assert_array_equal(feeds["input_ids"][segment.row][found], rows[i].ids[masks])
        padding = feeds["sequence_ids"] == 0
        assert (feeds["input_ids"][padding] == PAD).all()
        assert padding.sum() == padding.size - sum(len(rows[i].ids) for row in batch for i in row)


@settings(deadline=None)
@given(texts)
def test_outputs_come_back_to_their_texts(shapes: list[tuple[int, int]]) -> None:
    rows = [text(length, 1000 * i, masks) for i, (length, masks) in enumerate(shapes)]
    inputs = {
        axis: find_task(task).sequence_packing
        for axis, task in (("texts", "text-classification"), ("masks", "fill-mask"))
    }
    found = dict[int, dict[str, Any]]()
    for batch in plan_packed(rows, BatchLimits(max_batch_tokens=300)):
        own: dict[str, Any] = {}
        for axis, name in (("texts", "whole"), ("masks", "masked")):
            tensors = inputs[axis]
            assert tensors is not None
            feeds, segments = pack(batch, rows, PAD, tensors.inputs)
            ids = feeds["input_ids"].astype(np.float32)
            own["tokens"] = ids  # a network that says of each token its id
            own[name] = np.take_along_axis(ids, feeds["positions"], axis=1)[..., None]
        found |= dict(unpack(own, segments, rows, OUTPUTS))
    assert sorted(found) == list(range(len(rows)))
    for i, outputs in found.items():
        positions = rows[i].positions
        assert positions is not None
        np.testing.assert_array_equal(outputs["tokens"], rows[i].ids)
        np.testing.assert_array_equal(outputs["whole"], rows[i].ids[:1])
        np.testing.assert_array_equal(outputs["masked"][:, 0], rows[i].ids[positions])


def test_tasks_whose_texts_share_rows_have_one_kind_of_place_to_read() -> None:
    sharing = {task.name for task in TASKS if task.sequence_packing is not None}
    assert sharing == {task.name for task in TASKS} - {"pretraining", "multiple-choice", "text-generation"}
    for name in sharing:
        tensors = find_task(name).sequence_packing
        assert tensors is not None
        read = [spec.axes[1] for spec in tensors.inputs if spec.name == "positions"]
        assert read == sorted({spec.axes[1] for spec in tensors.outputs} - {"sequence"})


@needs_openvino
def test_bulk_work_in_shared_rows_answers_as_texts_alone() -> None:
    words = ("the film", "a", "", "good " * 20, "xyz", "bad bad", "A café 🎬?")
    asked = [{"text": words[i % 7], "text_pair": words[i % 5]} for i in range(60)]
    with load(SHARED, options=Options("openvino", threads=1, mode="throughput")) as bulk:
        assert bulk.packed is not None
        together = list(bulk.predict(asked))
        assert bulk(asked[3]).labels[0].score == pytest.approx(together[3].labels[0].score, abs=1e-6)
        with pytest.raises(InputError):
            bulk({"text": 7})
    with load(SHARED, options=Options("openvino", threads=1)) as latency:
        assert latency.packed is None
        for one, other in zip(together, latency.predict(asked), strict=True):
            assert [label.label for label in one.labels] == [label.label for label in other.labels]
            assert [label.score for label in one.labels] == pytest.approx([label.score for label in other.labels])


@needs_openvino
def test_raw_arrays_are_answered_by_the_graph_that_the_manifest_describes() -> None:
    ids = np.full((2, 5), 7)
    feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    with (
        load(SHARED, options=Options("openvino", threads=1, mode="throughput")) as bulk,
        load(SHARED, options=Options("openvino", threads=1)) as latency,
    ):
        assert bulk.engine.name == latency.engine.name
        np.testing.assert_allclose(bulk.run(feeds)["logits"], latency.run(feeds)["logits"], atol=1e-6)
    with pytest.raises(BackendError, match="the session is closed"):
        bulk.run(feeds)


def test_onnx_runtime_keeps_a_row_for_each_text() -> None:
    with load(GOLDEN / "fill-mask", options=Options("cpu", threads=1, mode="throughput")) as session:
        assert session.packed is None
