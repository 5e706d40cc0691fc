"""Statistics of activations: what padding may not move, and what no scale fits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
from tests.calibration.conftest import GetBaseline, requests_of

from bert_calibration.batches import batches_of
from bert_calibration.errors import CalibrationError
from bert_calibration.observe import SAMPLE, Activation, observe
from bert_runtime.schedule import BatchLimits

TASKS = ("question-answering", "fill-mask", "pretraining", "multiple-choice", "next-sentence-prediction")


def observed(get: GetBaseline, task: str, limits: BatchLimits) -> dict[str, Activation]:
    found = get(task, "cpu")
    return observe(found.path, batches_of(found.rows(requests_of(found, 24)), found.text.pad_id, limits))


@pytest.mark.parametrize("task", TASKS)
def test_padding_moves_no_range(task: str, baseline: GetBaseline) -> None:
    alone = observed(baseline, task, BatchLimits(max_batch_size=1))
    padded = observed(baseline, task, BatchLimits())

    for name, one in alone.items():
        np.testing.assert_allclose(padded[name].low, one.low, atol=2e-5)
        np.testing.assert_allclose(padded[name].high, one.high, atol=2e-5)


def test_a_range_would_move_if_padding_counted(baseline: GetBaseline) -> None:
    found = baseline("question-answering", "cpu")
    batches = batches_of(found.rows(requests_of(found, 24)), found.text.pad_id, BatchLimits())
    for batch in batches:
        batch.tokens[...] = True  # as if the mask were not there
    counted, right = observe(found.path, batches), observed(baseline, "question-answering", BatchLimits())

    assert any(not np.allclose(counted[name].low, right[name].low, atol=1e-3) for name in right)


def test_every_layer_has_a_site_for_each_of_its_activations(baseline: GetBaseline) -> None:
    found = observed(baseline, "question-answering", BatchLimits())

    kinds = ("attention.self.qkv", "attention.output.dense", "intermediate.dense", "output.dense")
    assert list(found) == [f"bert.encoder.layer.{layer}.{kind}" for layer in (0, 1) for kind in kinds]
    assert all(len(each.sample) <= SAMPLE for each in found.values())


def test_the_same_data_gives_the_same_numbers(baseline: GetBaseline) -> None:
    one, other = (observed(baseline, "fill-mask", BatchLimits()) for _ in range(2))

    assert all(np.array_equal(one[name].sample, other[name].sample) for name in one)


def test_an_activation_that_is_not_finite_is_named(baseline: GetBaseline, tmp_path: Path) -> None:
    found = baseline("question-answering", "cpu")
    model = ir.load(found.path)
    weight = model.graph.initializers["bert.encoder.layer.0.intermediate.dense.weight"]
    assert weight.const_value is not None
    weight.const_value = ir.tensor(
        np.full(weight.const_value.shape.numpy(), np.inf, dtype=np.float32), name=weight.name
    )
    ir.save(model, tmp_path / "model.onnx")

    with pytest.raises(CalibrationError, match=r"inputs of bert\.encoder\.layer\.0\.output\.dense, .* are not finite"):
        observe(tmp_path / "model.onnx", batches_of(found.rows(requests_of(found, 4)), 0))
