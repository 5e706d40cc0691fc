"""The gate refuses what TensorRT does not take, in TensorRT's words where it is installed, and says where it is not."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import tensorrt_rtx
from onnx import TensorProto, helper, numpy_helper

from bert_export.errors import GateError
from bert_export.tensorrt.build import build
from bert_export.tensorrt.engine_gate import check_engine
from bert_export.tensorrt.plain_graph import check_plain
from bert_export.tensorrt.profile import Bounds, Profile, Shapes
from bert_runtime.manifest import Artefact
from bert_runtime.tasks.tensors import TensorSpec

SHAPES = {"x": Shapes((1, 8), (2, 8), (4, 8))}
MATRIX = np.eye(8, dtype=np.float32)


def saved(folder: Path, nodes: Sequence[onnx.NodeProto], constants: dict[str, Any]) -> Path:
    """A graph from x to y, float32 of (batch, 8)."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 8]) for name in "xy")
    initializers = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(list(nodes), "g", [x], [y], initializers)
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
    path = folder / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
    return path


def node(operator: str, inputs: str, output: str, domain: str = "") -> onnx.NodeProto:
    return helper.make_node(operator, inputs.split(), [output], name=f"the {operator}", domain=domain)


def quantised(folder: Path, scale: Any, zero: Any) -> Path:
    inputs = "s" if zero is None else "s z"
    nodes = [
        node("QuantizeLinear", f"x {inputs}", "q"),
        node("DequantizeLinear", f"q {inputs}", "d"),
        node("MatMul", "d w", "y"),
    ]
    return saved(folder, nodes, {"w": MATRIX, "s": scale} | ({} if zero is None else {"z": zero}))


def contrib(folder: Path) -> Path:
    return saved(folder, [node("BiasGelu", "x b", "y", "com.microsoft")], {"b": np.zeros(8, np.float32)})


def mixed_product(folder: Path) -> Path:
    return saved(folder, [node("MatMul", "x w", "y")], {"w": MATRIX.astype(np.float16)})


def mixed_sum(folder: Path) -> Path:
    return saved(folder, [node("Add", "x b", "y")], {"b": np.zeros(8, np.float16)})


BAD: dict[str, tuple[Callable[[Path], Path], str, str]] = {
    "contrib": (contrib, r"com\.microsoft\.BiasGelu, expected operators of the ONNX standard", "Plugin not found"),
    "uint8": (lambda f: quantised(f, np.float32(0.1), np.uint8(0)), "expected int8", "UINT8 zero_point only on DLA"),
    "zero point": (
        lambda f: quantised(f, np.float32(0.1), np.int8(3)),
        "a zero point that is not 0",
        "Non-zero zero point is not supported",
    ),
    "uint8 and zero point": (
        lambda f: quantised(f, np.float32(0.1), np.uint8(128)),
        "expected int8.*a zero point that is not 0",
        "Non-zero zero point is not supported",
    ),
    "product of mixed types": (mixed_product, r"the MatMul \(MatMul\) mixes", "must have same input types"),
    "sum of mixed types": (mixed_sum, r"the Add \(Add\) mixes", "must have same input types"),
    "scale of another type": (
        lambda f: quantised(f, np.float16(0.1), np.int8(0)),
        r"the QuantizeLinear \(QuantizeLinear\) mixes single and half",
        "must have same input types",
    ),
    "scale of zero": (
        lambda f: quantised(f, np.float32(0), np.int8(0)),
        "a scale that is no positive constant",
        "Scale coefficients must all be positive",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_graph_that_is_not_for_tensorrt_fails_without_it(name: str, tmp_path: Path) -> None:
    make, message, _ = BAD[name]
    with pytest.raises(GateError, match=rf"model\.onnx is not for TensorRT: .*{message}"):
        check_plain(make(tmp_path))


@pytest.mark.parametrize("name", BAD)
def test_a_graph_that_is_not_for_tensorrt_fails_in_its_own_words(name: str, tmp_path: Path) -> None:
    make, _, message = BAD[name]
    with pytest.raises(GateError, match=rf"TensorRT \(tensorrt_rtx [\d.]+\) cannot parse it: .*{message}"):
        build(tensorrt_rtx, make(tmp_path), SHAPES)


def test_unsigned_integers_by_default_are_found(tmp_path: Path) -> None:
    """Without a zero point the standard says uint8; TensorRT takes int8 and says nothing."""
    with pytest.raises(GateError, match="the QuantizeLinear has unsigned integers"):
        check_plain(quantised(tmp_path, np.float32(0.1), None))


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    nodes = [node("BiasGelu", "x b", "g", "com.microsoft"), node("MatMul", "g w", "y")]
    path = saved(tmp_path, nodes, {"b": np.zeros(8, np.float32), "w": MATRIX.astype(np.float16)})
    model = onnx.load(path)
    model.graph.value_info.append(helper.make_tensor_value_info("g", TensorProto.FLOAT, ["batch", 8]))
    onnx.save(model, path)
    with pytest.raises(GateError, match=r"BiasGelu, expected.*MatMul\) mixes"):
        check_plain(path)


def test_a_symmetric_graph_of_one_type_passes(tmp_path: Path) -> None:
    path = quantised(tmp_path, np.float32(0.1), np.int8(0))
    check_plain(path)
    assert build(tensorrt_rtx, path, SHAPES).plan


def test_a_profile_that_contradicts_the_graph_fails_the_build(tmp_path: Path) -> None:
    path = quantised(tmp_path, np.float32(0.1), np.int8(0))
    with pytest.raises(GateError, match="TensorRT"):
        build(tensorrt_rtx, path, {"x": Shapes((1, 8), (2, 7), (4, 8))})


@pytest.fixture
def artefact() -> Artefact:
    spec = TensorSpec("x", "float32", ("batch", "hidden"))
    return Artefact("tensorrt", "fp16", "model.onnx", (), (spec,), (), "any", 20, False)


PROFILE = Profile({"batch": Bounds(1, 2, 4)}, "here")


def test_where_it_is_installed_it_has_built_the_graph(artefact: Artefact, tmp_path: Path) -> None:
    quantised(tmp_path, np.float32(0.1), np.int8(0))
    told = check_engine(tmp_path, artefact, PROFILE, {"hidden": 8})
    assert told.startswith(f"TensorRT for RTX {tensorrt_rtx.__version__} parses and builds model.onnx with the profile")
    assert "unmeasured: speed on a GPU" in told


def test_where_it_is_not_installed_the_report_says_so(
    artefact: Artefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", None)
    quantised(tmp_path, np.float32(0.1), np.int8(0))
    told = check_engine(tmp_path, artefact, PROFILE, {"hidden": 8})
    assert told.startswith("TensorRT did not see it: tensorrt_rtx cannot be imported")
    assert "pip install 'bert-export[trt-check]'" in told
    contrib(tmp_path)
    with pytest.raises(GateError, match="is not for TensorRT"):
        check_engine(tmp_path, artefact, PROFILE, {"hidden": 8})
