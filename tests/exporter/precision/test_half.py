"""A graph in half precision keeps its signature, halves its weights, and stays finite where nothing may be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
from numpy.typing import NDArray
from tests.exporter.conftest import fast_for
from tests.exporter.precision.graphs import feeds_of, run

from bert_export.errors import GateError
from bert_export.passes import optimize
from bert_export.passes.constants import array
from bert_export.precision import half
from bert_export.precision.emulate import emulated
from bert_export.precision.half import to_half
from bert_export.precision.types import HALF, SINGLE
from bert_runtime.tasks import TASKS, find_task

ENCODERS = [task.name for task in TASKS if not task.is_autoregressive]


@pytest.mark.parametrize("target", ["cuda", pytest.param("portable", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "name",
    fast_for([task.name for task in TASKS], "question-answering", "fill-mask", "multiple-choice", "text-generation"),
)
def test_weights_and_arithmetic_are_half_and_the_signature_stays(
    name: str, target: str, graph: Callable[..., ir.Model]
) -> None:
    model = graph(find_task(name))
    optimize(model, target)
    before = [(value.name, value.dtype) for value in (*model.graph.inputs, *model.graph.outputs)]
    counted = to_half(model)
    weights = [value for value in model.graph.initializers.values() if value.dtype in (SINGLE, HALF)]

    assert [(value.name, value.dtype) for value in (*model.graph.inputs, *model.graph.outputs)] == before
    assert all(value.dtype == HALF for value in weights if value.const_value is not None and value.const_value.size > 1)
    products = [node for node in model.graph if node.op_type in ("MatMul", "Attention", "MultiHeadAttention")]
    assert products
    assert all(value.dtype == HALF for node in products for value in node.outputs)
    assert counted > len(products)


@pytest.mark.parametrize("target", ["cuda", "portable"])
@pytest.mark.parametrize("name", fast_for(ENCODERS, "question-answering", "fill-mask", "multiple-choice"))
def test_rows_that_are_all_padding_give_finite_numbers(name: str, target: str, graph: Callable[..., ir.Model]) -> None:
    model = graph(find_task(name))
    optimize(model, target)
    feeds = feeds_of(find_task(name))
    feeds["attention_mask"][0] = 0
    to_half(model)
    for each in (model, emulated(model)):
        assert all(np.isfinite(output).all() for output in run(each, feeds).values())


@pytest.mark.parametrize(("lowest", "is_finite"), [(half.FILTER, True), (-65504.0, False)])
def test_the_filter_leaves_room_for_the_scores(
    lowest: float, is_finite: bool, graph: Callable[..., ir.Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scores of minus 70 and the lowest number are minus infinity together, in the whole row."""
    monkeypatch.setattr(half, "FILTER", lowest)
    model = graph(find_task("token-classification"))
    optimize(model, "portable")
    for name, value in model.graph.initializers.items():
        bias = 5 if ".self.query.bias" in name else -5 if ".self.key.bias" in name else 0
        if bias:
            value.const_value = ir.tensor(np.full(32, bias, np.float32), name=name)
    feeds = feeds_of(find_task("token-classification"))
    feeds["attention_mask"][0] = 0
    to_half(model)
    assert bool(np.isfinite(run(emulated(model), feeds)["logits"][0]).all()) == is_finite


def test_a_division_keeps_the_epsilon_that_half_precision_cannot_hold(graph: Callable[..., ir.Model]) -> None:
    task = find_task("feature-extraction")
    model = graph(task)
    optimize(model, "portable")
    to_half(model)
    divisions = [node for node in model.graph if node.op_type == "Div"]
    small = [
        node for node in model.graph for value in node.inputs if (c := array(value)) is not None and 0 < c.min() < 1e-7
    ]
    assert divisions
    assert small
    assert all(value.dtype == SINGLE for node in (*divisions, *small) for value in node.outputs)


def test_weights_beyond_the_range_are_named(graph: Callable[..., ir.Model]) -> None:
    model = graph(find_task("question-answering"))
    optimize(model, "portable")
    for name in ("bert.encoder.layer.1.output.dense.weight", "qa_outputs.weight"):
        value = model.graph.initializers[name]
        weight = array(value)
        assert weight is not None
        value.const_value = ir.tensor(weight.astype(np.float32) * 1e6, name=name)
    with pytest.raises(GateError) as error:
        to_half(model)
    message = str(error.value)
    assert "half precision ends at 65504" in message
    assert "bert.encoder.layer.1.output.dense.weight holds" in message
    assert "qa_outputs.weight holds" in message


def test_kept_nodes_compute_in_single_precision_from_their_own_weights(graph: Callable[..., ir.Model]) -> None:
    model = graph(find_task("token-classification"))
    optimize(model, "portable")
    kept = {str(node.name) for node in model.graph if node.op_type == "LayerNormalization"}
    to_half(model, kept)
    for node in model.graph:
        if node.name in kept:
            assert {value.dtype for value in (*node.inputs, *node.outputs) if value is not None} == {SINGLE}
            assert array(node.inputs[1]) is not None, "gamma is stored, not converted at every run"


def test_onnx_runtime_takes_the_graph_without_changing_types_itself(graph: Callable[..., ir.Model]) -> None:
    """Mixed types in one node are what TensorRT and CUDA refuse; ONNX's own type inference does too."""
    model = graph(find_task("text-classification"))
    optimize(model, "portable")
    to_half(model)
    onnxruntime.InferenceSession(ir.to_proto(model).SerializeToString(), providers=["CPUExecutionProvider"])
    narrow: Mapping[str, NDArray[Any]] = run(model, feeds_of(find_task("text-classification")))
    assert narrow["logits"].dtype == np.float32
