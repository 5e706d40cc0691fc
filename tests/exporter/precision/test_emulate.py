"""The emulation shows what ONNX Runtime's CPU provider hides: where half precision ends."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper
from tests.exporter.precision.graphs import run

from bert_export.precision.emulate import emulated


def chain(factor: float) -> ir.Model:
    """y = x * factor / factor by two products of half precision, around an operator of ONNX Runtime's own."""
    single, half = TensorProto.FLOAT, TensorProto.FLOAT16
    weights = {"up": np.eye(4) * factor, "down": np.eye(4) / factor, "bias": np.zeros(4)}
    nodes = [
        helper.make_node("Cast", ["x"], ["x_half"], to=half),
        helper.make_node("MatMul", ["x_half", "up"], ["large"]),
        helper.make_node("BiasGelu", ["large", "bias"], ["activated"], domain="com.microsoft"),
        helper.make_node("MatMul", ["activated", "down"], ["y_half"]),
        helper.make_node("Cast", ["y_half"], ["y"], to=single),
    ]
    made = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("x", single, [1, 4])],
        [helper.make_tensor_value_info("y", single, [1, 4])],
        [numpy_helper.from_array(weight.astype(np.float16), name) for name, weight in weights.items()],
        value_info=[
            helper.make_tensor_value_info(name, half, [1, 4]) for name in ("x_half", "large", "activated", "y_half")
        ],
    )
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
    return ir.from_proto(helper.make_model(made, opset_imports=opsets, ir_version=9))


X = {"x": np.array([[1.0, 50.0, 3.0, 0.1]], dtype=np.float32)}


def test_an_overflow_that_the_cpu_provider_hides_is_seen() -> None:
    model = chain(3000)
    assert run(model, X)["y"][0, 1] == pytest.approx(50, rel=1e-3), "hidden: this is why there is an emulation"
    assert not np.isfinite(run(emulated(model), X)["y"]).all()


def test_every_result_is_rounded_to_half_precision() -> None:
    x = {"x": np.array([[20.009, 31.003, 64.02, 777.77]], dtype=np.float32)}  # Gelu is the identity up there
    found = run(emulated(chain(2)), x)["y"]
    assert np.array_equal(found, x["x"].astype(np.float16).astype(np.float32))
    assert not np.array_equal(found, x["x"])


def test_the_model_itself_stays_as_it_was() -> None:
    model = chain(2)
    before = ir.to_proto(model).SerializeToString()
    emulated(model)
    assert ir.to_proto(model).SerializeToString() == before
