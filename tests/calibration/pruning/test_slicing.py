"""What nothing reads is sliced out of a graph of every head, and no answer changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
from tests.calibration.conftest import GetBaseline, requests_of

from bert_calibration.baseline import BaselineArtefact
from bert_calibration.batches import batches_of
from bert_calibration.errors import CalibrationError
from bert_calibration.pruning.slicing import has_dead, remove_dead
from bert_calibration.pruning.sublayers import FUSED, find_sublayers
from bert_calibration.pruning.widths import MULTIPLE, Kind
from bert_runtime.backends.onnxruntime import OnnxRuntimeEngine

HEADS = [
    ("text-classification", "portable"),
    ("token-classification", "cpu"),
    ("question-answering", "portable"),
    ("question-answering", "cpu"),
    ("fill-mask", "cpu"),
    ("pretraining", "cpu"),
    ("next-sentence-prediction", "portable"),
    ("multiple-choice", "cpu"),
    ("feature-extraction", "cpu"),
]


def held(baseline: GetBaseline, task: str, target: str) -> BaselineArtefact:
    """The golden artefact for the target, or for the one that the bundle has."""
    for name in (target, "cpu", "portable", "openvino"):
        try:
            return baseline(task, name)
        except Exception:
            continue
    raise AssertionError(task)


def zero(model: ir.Model, heads: int, neurons: int) -> None:
    """Let nothing read the first heads and neurons of any layer."""
    for sublayer in find_sublayers(model):
        number = heads if sublayer.kind is Kind.ATTENTION else neurons
        matrix = sublayer.second.matrix().copy()
        matrix[: number * sublayer.size] = 0
        weight = sublayer.second.weight
        weight.const_value = ir.tensor(matrix, name=weight.name)


def outputs(model: ir.Model, found: BaselineArtefact, path: Path) -> list[np.ndarray]:
    """Of the whole graph on a few batches."""
    ir.save(model, path)
    engine = OnnxRuntimeEngine(path, 1)
    given = []
    for batch in batches_of(found.rows(requests_of(found, 12)), found.text.pad_id):
        feeds = {spec.name: batch.feeds[spec.name] for spec in found.artefact.inputs}
        given += list(engine.run(feeds, [spec.name for spec in found.artefact.outputs]).values())
    engine.close()
    return given


@pytest.mark.parametrize(("task", "target"), HEADS)
def test_removing_dead_structures_changes_no_output(
    baseline: GetBaseline, task: str, target: str, tmp_path: Path
) -> None:
    found = held(baseline, task, target)
    model = found.graph()
    sublayers = find_sublayers(model)
    heads = next(each.groups for each in sublayers if each.kind is Kind.ATTENTION) // 2
    zero(model, heads, MULTIPLE)
    expected = outputs(model, found, tmp_path / "masked.onnx")
    layers = remove_dead(model)
    for layer in layers:
        assert (layer.heads, layer.neurons) == (layer.of_heads - heads, layer.of_neurons - MULTIPLE)
    for got, wanted in zip(outputs(model, found, tmp_path / "sliced.onnx"), expected, strict=True):
        assert got == pytest.approx(wanted, abs=1e-5)
    assert not has_dead(model)


@pytest.mark.parametrize(("task", "target"), [("fill-mask", "cpu"), ("text-classification", "portable")])
def test_a_graph_in_which_everything_is_read_stays_as_it_is(baseline: GetBaseline, task: str, target: str) -> None:
    model = held(baseline, task, target).graph()
    before = ir.to_proto(model).SerializeToString(deterministic=True)
    assert not has_dead(model)
    assert all(layer.is_whole for layer in remove_dead(model))
    assert ir.to_proto(model).SerializeToString(deterministic=True) == before


def test_neurons_stay_a_multiple_and_one_head_stays(baseline: GetBaseline) -> None:
    model = held(baseline, "fill-mask", "cpu").graph()
    zero(model, heads=10**6, neurons=MULTIPLE + 3)
    for layer in remove_dead(model):
        assert layer.heads == 1
        assert layer.neurons == layer.of_neurons - MULTIPLE, "three dead neurons fill a multiple"


def test_fused_attentions_have_the_heads_that_are_left(baseline: GetBaseline) -> None:
    model = held(baseline, "fill-mask", "cpu").graph()
    before = [node.attributes["num_heads"].as_int() for node in model.graph if node.op_type in FUSED]
    zero(model, heads=1, neurons=0)
    remove_dead(model)
    after = [node.attributes["num_heads"].as_int() for node in model.graph if node.op_type in FUSED]
    assert before
    assert after == [heads - 1 for heads in before]


def test_a_graph_without_layers_is_refused() -> None:
    graph = ir.Graph([], [], nodes=[], name="empty", opset_imports={"": 20})
    with pytest.raises(CalibrationError, match="no encoder layer that could be pruned"):
        remove_dead(ir.Model(graph, ir_version=9))
