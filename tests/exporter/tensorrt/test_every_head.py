"""TensorRT parses and builds every head in fp16 and int8 with its profile, on a machine without a GPU."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import onnx_ir as ir
import pytest
from tests.exporter.tensorrt.conftest import READER, MakeArtefact

from bert_calibration.int8_weights import LEAST_HALF
from bert_export import artefacts as artefacts_module
from bert_export.precision.single_precision import mixed_precision_steps
from bert_export.tensorrt.profile import Bounds
from bert_export.tolerances import TOLERANCES, Tolerance
from bert_runtime.tasks import TASKS

CASES = [
    *((task.name, "fp16") for task in TASKS),
    *((task.name, "int8") for task in TASKS if not task.is_autoregressive),  # decoders have no int8
    pytest.param(READER, "fp16", marks=pytest.mark.slow),
]
INTEGERS = ("QuantizeLinear", "DequantizeLinear")
BUILT = "parses and builds model.onnx"


@pytest.mark.parametrize(("head", "precision"), CASES)
def test_it_is_built(head: str, precision: str, make_artefact: MakeArtefact, tmp_path: Path) -> None:
    made = make_artefact(head, precision, tmp_path)
    graph = ir.load(tmp_path / made.artefact.file).graph
    floats = {value.dtype for value in graph.initializers.values()} & {ir.DataType.FLOAT, ir.DataType.FLOAT16}

    assert BUILT in made.report.kernels
    assert ("and cross_kv.onnx" in made.report.kernels) == (head == READER)
    assert {node.domain for node in graph} == {""}
    assert {value.dtype for value in graph.outputs} == {ir.DataType.FLOAT}, "logits stay fp32"
    assert floats == {ir.DataType.FLOAT16} or made.report.kept or head == "feature-extraction", floats
    if precision == "int8":
        assert made.report.int8 is not None
        assert made.report.int8.agreement.value > 0.7
        assert [trial["speed"] for trial in made.report.int8.quantization["trials"]] == [None]
        assert "speed was not measured: no engine for tensorrt runs" in made.report.int8.quantization["notes"][-1]
    check_integers(graph, expected=12 if precision == "int8" else 0)
    check_queries(graph, 2)


def check_integers(graph: ir.Graph, expected: int) -> None:
    """So many products at least read int8 on both sides, with scales of half precision and nothing in between."""
    products = 0
    for node in graph:
        sides = [value.producer() if value is not None else None for value in node.inputs]
        sides = [side.inputs[0].producer() if side and side.op_type == "Transpose" else side for side in sides]  # type: ignore[union-attr]
        products += node.op_type == "MatMul" and all(side and side.op_type == INTEGERS[1] for side in sides)
        if node.op_type in INTEGERS:
            scale = node.inputs[1]
            assert scale is not None
            assert scale.const_value is not None
            assert scale.dtype is ir.DataType.FLOAT16
            assert (scale.const_value.numpy() >= LEAST_HALF).all()
        if node.op_type == "QuantizeLinear":
            zero = node.inputs[2]
            assert zero is not None
            assert zero.dtype is ir.DataType.INT8
    assert products >= expected


def check_queries(graph: ir.Graph, layers: int) -> None:
    """The scale of attention is in the weights of the queries."""
    scaled = [name for name in graph.initializers if "query.bias.scaled" in name]
    assert len(scaled) >= layers


def test_choices_have_a_profile_of_three_axes(make_artefact: MakeArtefact, tmp_path: Path) -> None:
    wanted = {"batch": Bounds(1, 2, 4), "choices": Bounds(2, 4, 6)}
    made = make_artefact("multiple-choice", "fp16", tmp_path, wanted)
    (graph,) = json.loads((tmp_path / "profile.tensorrt.json").read_text())["graphs"]

    assert BUILT in made.report.kernels
    assert graph["inputs"]["input_ids"] == {"min": [1, 2, 1], "opt": [2, 4, 128], "max": [4, 6, 160]}
    assert "attention_mask:2x4x128" in graph["onnxruntime"]["trt_profile_opt_shapes"]


def test_the_lengths_of_the_data_move_what_the_engine_is_tuned_for(make_artefact: MakeArtefact, tmp_path: Path) -> None:
    made = make_artefact("multiple-choice", "int8", tmp_path)
    assert made.profile is not None
    assert made.profile.origin == "the sizes of 40 calibration rows, the model's limits"
    assert made.profile.axes["sequence"].opt < 128
    assert made.profile.axes["sequence"].max == 160, "no text that the model reads may be refused"
    assert made.profile.axes["choices"].opt == 3


def test_what_half_precision_cannot_hold_stays_single_around_integers(
    make_artefact: MakeArtefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second choice of the ladder: normalisation and softmax stay, and the products are integers all the same."""
    monkeypatch.setattr(
        artefacts_module, "mixed_precision_steps", lambda *given: itertools.islice(mixed_precision_steps(*given), 1, 2)
    )
    made = make_artefact("token-classification", "int8", tmp_path)
    graph = ir.load(tmp_path / made.artefact.file).graph
    norms = [node.inputs[0].dtype for node in graph if node.op_type == "LayerNormalization" and node.inputs[0]]

    assert made.report.kept == "normalisation and softmax"
    assert set(norms) == {ir.DataType.FLOAT}
    assert BUILT in made.report.kernels
    check_integers(graph, expected=12)


@pytest.mark.slow
def test_a_checkpoint_beyond_half_precision_is_single_around_its_integers(
    make_artefact: MakeArtefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TOLERANCES, "fp16", Tolerance(1e-9))
    made = make_artefact("token-classification", "int8", tmp_path)
    graph = ir.load(tmp_path / made.artefact.file).graph

    assert made.report.kept.startswith("everything around the integers")
    assert BUILT in made.report.kernels
    assert not [name for name, value in graph.initializers.items() if value.dtype is ir.DataType.FLOAT16]
