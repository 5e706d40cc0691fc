"""Smoothing changes no fp32 answer, whatever the factors, and is free where attention's values can take it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
from tests.calibration.conftest import GetBaseline, requests_of

from bert_calibration.baseline import BaselineArtefact
from bert_calibration.batches import batches_of
from bert_calibration.convert import convert
from bert_calibration.edit import Editor
from bert_calibration.observe import observe
from bert_calibration.plans import ACCURACY
from bert_calibration.products import QuantizationPoint, Role, find_points
from bert_calibration.ranges import ranges_of
from bert_calibration.ranges_file import digest
from bert_calibration.smoothing import smooth
from bert_runtime.backends.onnxruntime import OnnxRuntimeEngine
from bert_runtime.schedule import collate


def smoothed(baseline: BaselineArtefact, path: Path) -> tuple[list[QuantizationPoint], ir.Model]:
    """Every point with factors between 1/8 and 8; the model goes to `path`."""
    model, random = ir.load(baseline.path), np.random.default_rng(3)
    editor, points = Editor(model), find_points(model)
    widths = {point.name: len(point.products[0].matrix()) for point in points}
    factors = {name: np.exp2(random.uniform(-3, 3, width)).astype(np.float32) for name, width in widths.items()}
    after = smooth(editor, points, factors)
    ir.save(model, path)
    return after, model


def answers(path: Path, baseline: BaselineArtefact, names: Sequence[str]) -> list[np.ndarray]:
    feeds = collate(baseline.rows(requests_of(baseline, 5)), baseline.text.pad_id)
    inputs = [spec.name for spec in baseline.artefact.inputs]
    found = OnnxRuntimeEngine(path, 1).run({name: feeds[name] for name in inputs}, names)
    return [found[name] for name in names]


@pytest.mark.parametrize(
    ("task", "target"),
    [
        ("question-answering", "cpu"),
        ("question-answering", "portable"),
        ("text-classification", "portable"),
        ("multiple-choice", "cpu"),
    ],
)
def test_no_answer_changes(baseline: GetBaseline, task: str, target: str, tmp_path: Path) -> None:
    bundle = baseline(task, target)
    smoothed(bundle, tmp_path / "smooth.onnx")
    names = [spec.name for spec in bundle.artefact.outputs]
    before, after = answers(bundle.path, bundle, names), answers(tmp_path / "smooth.onnx", bundle, names)
    for one, other in zip(before, after, strict=True):
        np.testing.assert_allclose(other, one, atol=2e-5)


@pytest.mark.parametrize("target", ["cpu", "portable"])
def test_what_attention_gives_is_divided_by_its_values(baseline: GetBaseline, target: str, tmp_path: Path) -> None:
    points, model = smoothed(baseline("question-answering", target), tmp_path / "smooth.onnx")
    contexts = [point for point in points if point.role is Role.CONTEXT]
    assert contexts
    assert not [node.name for node in model.graph if node.op_type == "Mul" and ".attention.output." in str(node.name)]
    divided = [node for node in model.graph if node.op_type == "Mul" and str(node.name).endswith(".input/Mul")]
    assert len(divided) == len(points) - len(contexts)


def test_values_that_something_else_reads_are_left_alone(baseline: GetBaseline, tmp_path: Path) -> None:
    bundle = baseline("question-answering", "portable")
    model = ir.load(bundle.path)
    values = next(point for point in find_points(model) if point.role is Role.ATTENTION).products[-1]
    assert values.name.endswith(".value")
    added = next(iter(values.node.outputs[0].uses())).node.outputs[0]
    model.graph.outputs.append(added)
    context = next(point for point in find_points(model) if point.role is Role.CONTEXT)
    smooth(Editor(model), find_points(model), {context.name: np.full(len(context.products[0].matrix()), 2, np.float32)})
    assert [node.name for node in model.graph if str(node.name).endswith(".attention.output.dense.input/Mul")]
    assert "divided" not in "".join(model.graph.initializers)


def test_a_scale_for_each_token_is_taken_of_smoothed_activations_in_plain_graphs_too(
    baseline: GetBaseline, tmp_path: Path
) -> None:
    bundle = baseline("question-answering", "portable")
    seen = observe(bundle.path, batches_of(bundle.rows(requests_of(bundle, 40)), bundle.text.pad_id))
    model = ir.load(bundle.path)
    convert(model, "openvino", ACCURACY, ranges_of(seen, "smooth", digest(bundle.path), 40))
    names = [str(node.name) for node in model.graph]
    wide = [point.name for point in find_points(ir.load(bundle.path)) if point.role is Role.OUTPUT]
    assert wide
    for point in wide:
        assert f"{point}.input/Mul" in names  # OpenVINO rounds what it reads here
        assert f"{point}.input/QuantizeLinear" not in names


def test_what_attention_gives_to_someone_else_too_is_divided_for_its_product_alone(baseline: GetBaseline) -> None:
    model = ir.load(baseline("question-answering", "cpu").path)
    context = next(point for point in find_points(model) if point.role is Role.CONTEXT)
    model.graph.outputs.append(context.hidden)
    smooth(Editor(model), find_points(model), {context.name: np.full(len(context.products[0].matrix()), 2, np.float32)})
    assert [node.name for node in model.graph if str(node.name).endswith(".attention.output.dense.input/Mul")]
    assert "divided" not in "".join(model.graph.initializers)
