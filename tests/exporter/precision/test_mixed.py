"""What is around the integers becomes half precision, but for what must stay, with the quantisation in front of it."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from tests.exporter.precision.graphs import run

from bert_export.precision.mixed import half_around_int8

INTEGERS = ("QuantizeLinear", "DequantizeLinear")


def constant(graph: list[ir.Value], name: str, array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> ir.Value:
    tensor = ir.tensor(array, name=name)
    value = ir.Value(name=name, shape=ir.Shape(array.shape), type=ir.TensorType(tensor.dtype), const_value=tensor)
    graph.append(value)
    return value


def graph(quantised: bool) -> ir.Model:
    """x @ w -> hidden -> + b -> y, float32; quantised products have other names but give `hidden` too."""
    stored: list[ir.Value] = []
    x = ir.Value(name="x", shape=ir.Shape([2, 4]), type=ir.TensorType(ir.DataType.FLOAT))
    w = constant(stored, "w", np.eye(4, dtype=np.float32) * 2)
    nodes = []
    left, right = x, w
    if quantised:
        scale, zero = constant(stored, "s", np.array(0.5, np.float32)), constant(stored, "z", np.array(0, np.int8))
        integers = constant(stored, "w8", np.eye(4, dtype=np.int8) * 4)
        quantise = ir.node("QuantizeLinear", [x, scale, zero], name="q")
        quantise.outputs[0].type = ir.TensorType(ir.DataType.INT8)
        dequantise = ir.node("DequantizeLinear", [quantise.outputs[0], scale, zero], name="dq")
        weights = ir.node("DequantizeLinear", [integers, scale, zero], name="dqw")
        nodes, left, right = [quantise, dequantise, weights], dequantise.outputs[0], weights.outputs[0]
    product = ir.node("MatMul", [left, right], name="product.int8/MatMul" if quantised else "product")
    product.outputs[0].name = "hidden"
    total = ir.node("Add", [product.outputs[0], constant(stored, "b", np.ones(4, np.float32))], name="add")
    total.outputs[0].name, total.outputs[0].type = "y", ir.TensorType(ir.DataType.FLOAT)
    total.outputs[0].shape = ir.Shape([2, 4])
    made = ir.Graph([x], [total.outputs[0]], nodes=[*nodes, product, total], opset_imports={"": 20}, name="g")
    for value in stored:
        if value.uses():
            made.register_initializer(value)
    return ir.Model(made, ir_version=9)


@pytest.mark.parametrize("kept", [frozenset[str](), frozenset({"product"})])
def test_no_conversion_comes_between_integers_and_their_product(kept: frozenset[str]) -> None:
    model = graph(quantised=True)
    mixed_precision = half_around_int8(graph(quantised=False), kept)
    mixed_precision.narrow(model)
    nodes = {str(node.name): node for node in model.graph}
    product = nodes["product.int8/MatMul"]
    wanted = ir.DataType.FLOAT if kept else ir.DataType.FLOAT16

    assert [value.producer().op_type for value in product.inputs if value is not None] == ["DequantizeLinear"] * 2  # type: ignore[union-attr]
    for node in model.graph:
        if node.op_type in INTEGERS:
            assert node.inputs[1] is not None
            assert node.inputs[1].dtype is wanted, "a product that stays in single precision takes its scales with it"
    x = np.array([[1, 2, 3, 4], [-1, 0, 0.2, 9]], np.float32)
    expected = np.rint(x / 0.5) * 0.5 * 2 + 1
    np.testing.assert_allclose(run(mixed_precision.stand_in(model), {"x": x})["y"], expected)
