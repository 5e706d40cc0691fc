"""The table of words in int8 gives what ONNX Runtime's own kernel gives, whatever else a family adds to the words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest

from bert_calibration.edit import CONTRIB, Editor
from bert_calibration.embedding import quantize_embedding

WORDS, POSITIONS, TYPES, WIDTH = 20, 12, 2, 8
IDS = np.array([[3, 1, 19, 0], [7, 7, 2, 5]])
FEEDS = {
    "input_ids": IDS,
    "token_type_ids": np.array([[0, 0, 1, 1], [0, 1, 1, 0]]),
    "position_ids": np.array([[2, 3, 4, 1], [2, 1, 3, 4]]),
}


def tables() -> dict[str, np.ndarray]:
    """Words that int8 holds exactly: each row has a scale of its own."""
    draw = np.random.default_rng(0)
    words = draw.integers(-126, 127, (WORDS, WIDTH)).astype(np.float32)
    words[:, 0] = 127
    scales = draw.uniform(0.5, 2, (WORDS, 1)).astype(np.float32) / 64
    return {
        "words.weight": words * scales,
        "positions.weight": draw.standard_normal((POSITIONS, WIDTH)).astype(np.float32),
        "types.weight": draw.standard_normal((TYPES, WIDTH)).astype(np.float32),
        "gamma": draw.standard_normal(WIDTH).astype(np.float32),
        "beta": draw.standard_normal(WIDTH).astype(np.float32),
    }


def network(has_types: bool, has_positions: bool) -> ir.Model:
    """The fused embeddings of a family."""
    values = {
        name: ir.Value(name=name, shape=ir.Shape(table.shape), type=ir.TensorType(ir.DataType.FLOAT))
        for name, table in tables().items()
    }
    for name, table in tables().items():
        values[name].const_value = ir.tensor(table, name=name)
    inputs = {
        name: ir.Value(name=name, shape=ir.Shape(["batch", "sequence"]), type=ir.TensorType(ir.DataType.INT64))
        for name in FEEDS
    }
    types = (inputs["token_type_ids"], values["types.weight"]) if has_types else (None, None)
    read = [inputs["input_ids"], types[0], values["words.weight"], values["positions.weight"], types[1]]
    read += [values["gamma"], values["beta"], None, inputs["position_ids"] if has_positions else None]
    casts = [ir.node("Cast", [each], {"to": ir.DataType.INT32}) if each in inputs.values() else None for each in read]
    given = [value if cast is None else cast.outputs[0] for value, cast in zip(read, casts, strict=True)]
    node = ir.node("EmbedLayerNormalization", given, {"epsilon": 1e-12}, domain=CONTRIB, num_outputs=2)
    node.outputs[0].name = "out"
    node.outputs[0].type, node.outputs[0].shape = ir.TensorType(ir.DataType.FLOAT), ir.Shape(["b", "s", WIDTH])
    used = [value for value in inputs.values() if value in read]
    graph = ir.Graph(
        used,
        [node.outputs[0]],
        nodes=[*(cast for cast in casts if cast is not None), node],
        initializers=[value for value in values.values() if value in read],
        opset_imports={"": 20, CONTRIB: 1},
        name="embeddings",
    )
    return ir.Model(graph, ir_version=10)


def answer(model: ir.Model, path: Path) -> np.ndarray:
    ir.save(model, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    found: np.ndarray = session.run(None, {name: FEEDS[name] for name in names})[0]
    return found


@pytest.mark.parametrize("has_types", [True, False])
@pytest.mark.parametrize("has_positions", [True, False])
def test_every_form_of_the_embeddings_stays_the_same(has_types: bool, has_positions: bool, tmp_path: Path) -> None:
    expected = answer(network(has_types, has_positions), tmp_path / "fused.onnx")
    model = network(has_types, has_positions)
    assert quantize_embedding(Editor(model)) == 1
    assert not list(model.graph.initializers["words.weight"].uses())
    np.testing.assert_allclose(answer(model, tmp_path / "int8.onnx"), expected, atol=2e-5)
