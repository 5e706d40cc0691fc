"""Between two attentions everything stays a matrix of (tokens, channels), and no bit of an answer changes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
from tests.calibration.conftest import GetBaseline, requests_of

from bert_calibration.baseline import BaselineArtefact
from bert_calibration.convert import convert
from bert_calibration.edit import Editor
from bert_calibration.plans import PER_TOKEN
from bert_calibration.targets import cpu_rows
from bert_runtime.backends.engine import Array
from bert_runtime.schedule import collate

HEADS = ("question-answering", "next-sentence-prediction", "fill-mask", "multiple-choice", "feature-extraction")


def graph(baseline: BaselineArtefact) -> ir.Model:
    model = ir.load(baseline.path)
    convert(model, "cpu", PER_TOKEN, None)
    return model


def outputs(baseline: BaselineArtefact, model: ir.Model, file: Path) -> dict[str, Array]:
    """Of one batch of requests of different lengths."""
    ir.save(model, file)
    feeds = collate(baseline.rows(requests_of(baseline, 7)), baseline.text.pad_id)
    with baseline.engine(file) as engine:
        return engine.run(
            {spec.name: feeds[spec.name] for spec in baseline.artefact.inputs},
            [spec.name for spec in baseline.artefact.outputs],
        )


@pytest.mark.parametrize("task", HEADS)
def test_staying_in_rows_takes_reshapes_away_and_changes_no_bit(
    task: str, baseline: GetBaseline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = baseline(task, "cpu")
    short = graph(one)
    monkeypatch.setattr(cpu_rows, "stay_in_rows", lambda editor: 0)
    long = graph(one)

    assert count(short)["Reshape"] <= count(long)["Reshape"] - 6
    expected = outputs(one, long, tmp_path / "long.onnx")
    for name, array in outputs(one, short, tmp_path / "short.onnx").items():
        np.testing.assert_array_equal(array, expected[name])


def count(model: ir.Model) -> Counter[str]:
    return Counter(node.op_type for node in model.graph)


def test_a_layer_reshapes_before_its_attention_and_after_it(baseline: GetBaseline) -> None:
    model = graph(baseline("question-answering", "cpu"))
    layers = count(model)["MultiHeadAttention"]
    # And the embeddings become rows, and the logits come back.
    assert count(model)["Reshape"] == 2 * layers + 2


def test_axes_and_zero_points_are_made_once_for_all_layers(baseline: GetBaseline) -> None:
    found = count(graph(baseline("question-answering", "cpu")))
    assert found["QuantizeLinear"] > 4
    assert (found["Concat"], found["Expand"]) == (1, 1)


def test_an_operator_whose_other_input_has_an_unknown_width_stays_as_it_is() -> None:
    def value(name: str, shape: list[int | str] | None) -> ir.Value:
        return ir.Value(name=name, shape=ir.Shape(shape) if shape else None, type=ir.TensorType(ir.DataType.FLOAT))

    product, known, unknown = value("p", ["tokens", 4]), value("k", ["batch", "sequence", 4]), value("u", None)
    sizes = value("hidden", ["batch", "sequence", 4])
    model = ir.Model(ir.Graph([product, known, unknown, sizes], [], nodes=[], opset_imports={"": 20}), ir_version=10)
    end = ir.node("Identity", [product])
    model.graph.append(end)
    editor = Editor(model)
    axes = cpu_rows.axes_of(editor, end, sizes, "here")
    back = cpu_rows.unflat(editor, end, product, axes, "here")
    for other in (known, unknown):
        model.graph.outputs.append(editor.add(end, "Sum", [back, other], "there"))

    assert cpu_rows.stay_in_rows(editor) == 1
    kept = [node for node in model.graph if node.op_type == "Sum" and unknown in node.inputs]
    assert [node.inputs[0] for node in kept] == [back]
