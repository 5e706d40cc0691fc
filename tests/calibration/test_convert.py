"""int8 graphs of every head: complete, close to fp32, of equal bytes, and indifferent to what is batched with what."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from tests.calibration.conftest import GetBaseline, requests_of

from bert_calibration.baseline import BaselineArtefact
from bert_calibration.batches import batches_of
from bert_calibration.convert import Conversion, convert
from bert_calibration.errors import QuantizationError
from bert_calibration.observe import observe
from bert_calibration.plans import ACCURACY, DYNAMIC, PER_TOKEN, PERFORMANCE, Plan
from bert_calibration.products import find_points
from bert_calibration.ranges import Ranges, ranges_of
from bert_calibration.ranges_file import digest
from bert_calibration.targets import SCHEMES
from bert_runtime.schedule import collate

HEADS = (
    "question-answering",
    "token-classification",
    "fill-mask",
    "pretraining",
    "multiple-choice",
    "next-sentence-prediction",
    "feature-extraction",
)
CPU = SCHEMES["cpu"].plans
INVARIANT = tuple(plan for plan in CPU.values() if plan.is_batch_invariant)
PLAIN = (
    ("question-answering", "openvino", PERFORMANCE),
    ("question-answering", "openvino", ACCURACY),
    ("text-classification", "portable", PER_TOKEN),
    ("question-answering", "tensorrt", PERFORMANCE),
)


def ranges(baseline: BaselineArtefact, plan: Plan) -> Ranges | None:
    if plan.method is None:
        return None
    seen = observe(baseline.path, batches_of(baseline.rows(requests_of(baseline, 40)), baseline.text.pad_id))
    return ranges_of(seen, plan.method, digest(baseline.path), 40)


def made(baseline: BaselineArtefact, plan: Plan, output: Path, target: str | None = None) -> Conversion:
    model = ir.load(baseline.path)
    conversion = convert(model, target or baseline.artefact.target, plan, ranges(baseline, plan))
    ir.save(model, output)
    return conversion


def zeros(graph: ir.Graph) -> dict[str, int]:
    """The zero points of a graph's activations by name."""
    held = {name: value.const_value for name, value in graph.initializers.items() if name.endswith(".zero")}
    return {name: int(zero.numpy().item()) for name, zero in held.items() if zero is not None}


@contextmanager
def run(baseline: BaselineArtefact, file: Path) -> Iterator[Any]:
    """Rows of requests -> the outputs of one batch of them."""
    with baseline.engine(file) as engine:

        def outputs(rows: Any) -> dict[str, Any]:
            feeds = collate(rows, baseline.text.pad_id)
            names = [spec.name for spec in baseline.artefact.outputs]
            return engine.run({spec.name: feeds[spec.name] for spec in baseline.artefact.inputs}, names)

        yield outputs


def gap(baseline: BaselineArtefact, file: Path) -> float:
    """How far outputs are from fp32 for requests that were not calibrated on: the root mean square of differences,
    relative to fp32's."""
    rows = baseline.rows(requests_of(baseline, 16, seed=1))
    with run(baseline, file) as one, run(baseline, baseline.path) as other:
        pairs = [(one([row])[name], value) for row in rows for name, value in other([row]).items()]
    differences = np.concatenate([(a - b).ravel() for a, b in pairs])
    values = np.concatenate([b.ravel() for _, b in pairs])
    return float(np.sqrt(np.square(differences).mean() / np.square(values).mean()))


@pytest.mark.parametrize("plan", CPU.values(), ids=CPU)
@pytest.mark.parametrize("task", HEADS)
def test_every_head_is_quantised_whole_and_stays_close(
    task: str, plan: Plan, baseline: GetBaseline, tmp_path: Path
) -> None:
    found = baseline(task, "cpu")
    conversion = made(found, plan, tmp_path / "model.onnx")
    products = sum(len(point.products) for point in find_points(ir.load(found.path)))

    assert sum(conversion.operators.values()) == products >= 8
    assert conversion.embedding
    assert gap(found, tmp_path / "model.onnx") < 0.15


@pytest.mark.parametrize(("task", "target", "plan"), PLAIN)
def test_a_graph_of_plain_operators_gets_q_and_dq_and_stays_close(
    task: str, target: str, plan: Plan, baseline: GetBaseline, tmp_path: Path
) -> None:
    found = baseline(task, "portable")
    conversion = made(found, plan, tmp_path / "model.onnx", target)
    graph = ir.load(tmp_path / "model.onnx").graph

    assert conversion.operators == {"MatMul": 12}
    assert {node.domain for node in graph} == {""}
    assert gap(found, tmp_path / "model.onnx") < 0.15


def test_tensorrt_gets_signed_integers_without_zero_points_and_float_tables(
    baseline: GetBaseline, tmp_path: Path
) -> None:
    made(baseline("question-answering", "portable"), PERFORMANCE, tmp_path / "model.onnx", "tensorrt")
    graph = ir.load(tmp_path / "model.onnx").graph
    zeros = [value.const_value for name, value in graph.initializers.items() if name.endswith(".zero")]

    assert zeros
    assert all(zero is not None and zero.dtype is ir.DataType.INT8 and not zero.numpy().any() for zero in zeros)
    assert not any(node.op_type == "Cast" for node in graph)
    assert all(value.dtype is not ir.DataType.UINT8 for value in graph.initializers.values())


@pytest.mark.parametrize("plan", INVARIANT, ids=[plan.name for plan in INVARIANT])
@pytest.mark.parametrize("task", ["question-answering", "pretraining", "multiple-choice"])
def test_a_row_answers_the_same_alone_and_in_any_batch(
    task: str, plan: Plan, baseline: GetBaseline, tmp_path: Path
) -> None:
    found = baseline(task, "cpu")
    made(found, plan, tmp_path / "model.onnx")
    rows = found.rows(requests_of(found, 12, seed=2))
    with run(found, tmp_path / "model.onnx") as outputs:
        together = outputs(rows)
        for i, row in enumerate(rows):
            for name, alone in outputs([row]).items():
                same = together[name][i][tuple(slice(size) for size in alone.shape[1:])]
                np.testing.assert_allclose(same, alone[0], atol=1e-4)


def test_dynamic_says_that_batches_matter_and_they_do(baseline: GetBaseline, tmp_path: Path) -> None:
    found = baseline("question-answering", "cpu")
    made(found, DYNAMIC, tmp_path / "model.onnx")
    rows = found.rows(requests_of(found, 12, seed=2))
    with run(found, tmp_path / "model.onnx") as outputs:
        together, alone = outputs(rows)["start_logits"], outputs(rows[:1])["start_logits"]

    assert not DYNAMIC.is_batch_invariant
    assert np.abs(together[0, : alone.shape[1]] - alone[0]).max() > 1e-3


@pytest.mark.parametrize("plan", [PERFORMANCE, ACCURACY, PER_TOKEN], ids=lambda plan: plan.name)
def test_the_same_graph_and_ranges_give_the_same_bytes(plan: Plan, baseline: GetBaseline, tmp_path: Path) -> None:
    found = baseline("fill-mask", "cpu")
    for name in ("one.onnx", "other.onnx"):
        made(found, plan, tmp_path / name)

    assert (tmp_path / "one.onnx").read_bytes() == (tmp_path / "other.onnx").read_bytes()


def test_a_table_that_the_vocabulary_reads_too_is_stored_once(baseline: GetBaseline, tmp_path: Path) -> None:
    made(baseline("fill-mask", "cpu"), PERFORMANCE, tmp_path / "model.onnx")
    stored = [name for name in ir.load(tmp_path / "model.onnx").graph.initializers if "decoder.weight" in name]

    assert sorted(stored) == ["cls.predictions.decoder.weight.int8", "cls.predictions.decoder.weight.scale"]


def test_kept_sites_stay_as_they_were(baseline: GetBaseline, tmp_path: Path) -> None:
    found = baseline("question-answering", "cpu")
    name = "bert.encoder.layer.1.output.dense"
    conversion = made(found, ACCURACY.keeping(name), tmp_path / "model.onnx")

    assert conversion.kept == (name,)
    assert f"{name}.weight" in ir.load(tmp_path / "model.onnx").graph.initializers


def test_all_sites_kept_and_a_float_table_is_fp32(baseline: GetBaseline, tmp_path: Path) -> None:
    found = baseline("question-answering", "cpu")
    points = [point.name for point in find_points(ir.load(found.path))]
    made(found, replace(ACCURACY.keeping(*points), embedding=False), tmp_path / "model.onnx")

    assert gap(found, tmp_path / "model.onnx") < 1e-6


def test_a_missing_product_is_named(baseline: GetBaseline) -> None:
    found = baseline("question-answering", "cpu")
    model = ir.load(found.path)
    model.graph.initializers["bert.encoder.layer.1.output.dense.weight"].name = "hidden"

    with pytest.raises(QuantizationError, match=r"not found in it: encoder\.layer\.1\.output\.dense;"):
        convert(model, "cpu", PER_TOKEN, None)


@pytest.mark.parametrize(
    ("target", "plan", "message"),
    [
        ("cuda", PER_TOKEN, "the target is 'cuda', expected one of cpu, openvino, portable, tensorrt"),
        (
            "tensorrt",
            PER_TOKEN,
            "which tensorrt has not; it takes static scales only: give calibration data",
        ),
        ("openvino", DYNAMIC, "plan dynamic has dynamic scales, which openvino has not"),
        ("cpu", PERFORMANCE, "plan performance needs ranges; calibrate first"),
        ("cpu", PER_TOKEN.keeping("nothing.here"), "nothing called nothing.here to keep"),
        ("openvino", DYNAMIC.keeping("x"), "which openvino has not.*called x to keep"),
    ],
)
def test_what_does_not_fit_is_refused(target: str, plan: Plan, message: str, baseline: GetBaseline) -> None:
    model = ir.load(baseline("question-answering", "cpu").path)

    with pytest.raises(QuantizationError, match=message):
        convert(model, target, plan, None)


@pytest.mark.parametrize(("target", "early"), [("openvino", 2), ("portable", 0), ("tensorrt", 0)])
def test_for_openvino_what_attention_gives_is_rounded_before_its_heads_are_joined(
    target: str, early: int, baseline: GetBaseline, tmp_path: Path
) -> None:
    made(baseline("question-answering", "portable"), PERFORMANCE, tmp_path / "model.onnx", target)
    graph = ir.load(tmp_path / "model.onnx").graph
    rounded = [node for node in graph if node.op_type == "QuantizeLinear"]
    readers = [use.node.op_type for node in rounded for use in node.outputs[0].uses()]

    assert len(rounded) == 2 * 4  # in each of two layers the inputs of four products, or groups of products
    assert readers.count("Transpose") == early
    assert readers.count("DequantizeLinear") == len(rounded) - early


def test_integers_without_zero_points_are_those_with_them(baseline: GetBaseline, tmp_path: Path) -> None:
    """OpenVINO's graph is the portable one, but that its activations are moved and its biases take that back."""
    found = baseline("text-classification", "portable")
    answers = {}
    for target in ("openvino", "portable"):
        made(found, PERFORMANCE, tmp_path / f"{target}.onnx", target)
        with run(found, tmp_path / f"{target}.onnx") as outputs:
            answers[target] = outputs(found.rows(requests_of(found, 6, seed=4)))["logits"]
    graphs = [ir.load(tmp_path / f"{target}.onnx").graph for target in ("openvino", "portable")]

    assert [any(zeros(graph).values()) for graph in graphs] == [False, True]
    np.testing.assert_allclose(answers["openvino"], answers["portable"], atol=1e-3)


def test_a_product_whose_bias_is_no_constant_keeps_its_zero_point(baseline: GetBaseline) -> None:
    found = baseline("question-answering", "portable")
    model = ir.load(found.path)
    point = find_points(model)[1]
    (use,) = point.products[0].node.outputs[0].uses()
    place = 1 - use.idx
    copied = ir.node("Identity", [use.node.inputs[place]])
    model.graph.insert_before(use.node, copied)
    use.node.replace_input_with(place, copied.outputs[0])
    convert(model, "openvino", PERFORMANCE, ranges(found, PERFORMANCE))

    assert [name for name, zero in zeros(model.graph).items() if zero] == [f"{point.name}.input.zero"]


def test_a_table_that_the_vocabulary_reads_as_floats_is_not_stored_in_integers_too(
    baseline: GetBaseline, tmp_path: Path
) -> None:
    """Else a graph with a vocabulary in floating point would be larger than fp32's."""
    found = baseline("fill-mask", "cpu")
    decoder = next(point for point in find_points(ir.load(found.path)) if point.products[0].transposed)
    all_int8 = made(found, ACCURACY, tmp_path / "int8.onnx")
    kept = made(found, ACCURACY.keeping(decoder.name), tmp_path / "kept.onnx")
    assert (all_int8.embedding, kept.embedding) == (True, False)
    shape = tuple(decoder.products[0].matrix().T.shape)
    stored = list(ir.load(tmp_path / "kept.onnx").graph.initializers.values())
    tables = [value for value in stored if value.const_value is not None and tuple(value.const_value.shape) == shape]
    assert [value.const_value.dtype for value in tables if value.const_value] == [ir.DataType.FLOAT]
