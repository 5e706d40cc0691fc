"""A chain of BERT-base's matrix products with nothing between them, in each engine and precision that runs here."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from benchmarks.workload import SIZES
from bert_runtime.backends.onnxruntime import OnnxRuntimeEngine
from bert_runtime.backends.openvino import OpenVinoEngine, is_installed

TOKENS = 1024
LAYERS = 4
"""Of BERT-base's twelve: their weights, 113 MB in fp32, are beyond any cache here as those of twelve are."""
_SIZE = SIZES["bert-base"]
SHAPES = [
    *[(_SIZE.hidden, _SIZE.hidden)] * 4,
    (_SIZE.hidden, _SIZE.intermediate),
    (_SIZE.intermediate, _SIZE.hidden),
] * LAYERS
"""(inputs, outputs) of each product: queries, keys, values, attention's output, and the two of the feed-forward net."""
OPERATIONS = 2.0 * TOKENS * sum(inputs * outputs for inputs, outputs in SHAPES)

Chained = tuple[str, str, Callable[[], object]]
"""The precision, the engine's name, and one run of the chain."""


def chains(folder: Path, threads: int) -> Iterator[Chained]:
    """Every engine's chain, loaded when it is asked for; `folder` takes the graphs."""
    random = np.random.default_rng(0)
    weights = [(random.standard_normal(s) / np.sqrt(s[0])).astype(np.float32) for s in SHAPES]
    start = random.standard_normal((TOKENS, _SIZE.hidden)).astype(np.float32)
    floats, integers = folder / "fp32.onnx", folder / "int8.onnx"
    onnx.save(float_chain(weights), floats)
    onnx.save(integer_chain(weights), integers)
    feeds = {"x": start}
    if is_installed():
        for precision, path in (("fp32", floats), ("bf16", floats), ("int8", integers)):
            engine = OpenVinoEngine(path, precision, threads)
            yield precision, "OpenVINO", _bound(engine, feeds)
            engine.close()
    for precision, path in (("fp32", floats), ("int8", integers)):
        session = OnnxRuntimeEngine(path, threads)
        yield precision, "ONNX Runtime", _bound(session, feeds)
        session.close()
        time.sleep(0.2)
    yield from _torch_chains(weights, start, threads)


@contextlib.contextmanager
def openvino_chain(precision: str, threads: int) -> Iterator[Callable[[], object]]:
    """OpenVINO's chain in fp32, bf16 or int8, kept loaded."""
    random = np.random.default_rng(0)
    weights = [(random.standard_normal(s) / np.sqrt(s[0])).astype(np.float32) for s in SHAPES]
    feeds = {"x": random.standard_normal((TOKENS, _SIZE.hidden)).astype(np.float32)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chain.onnx"
        onnx.save(integer_chain(weights) if precision == "int8" else float_chain(weights), path)
        engine = OpenVinoEngine(path, precision, threads)
        yield _bound(engine, feeds)
        engine.close()


def float_chain(weights: list[NDArray[np.float32]]) -> onnx.ModelProto:
    """MatMul after MatMul."""
    nodes, constants, value = [], [], "x"
    for i, weight in enumerate(weights):
        constants.append(numpy_helper.from_array(weight, f"w{i}"))
        nodes.append(helper.make_node("MatMul", [value, f"w{i}"], [f"y{i}"]))
        value = f"y{i}"
    return _model(nodes, constants, value)


def integer_chain(weights: list[NDArray[np.float32]]) -> onnx.ModelProto:
    """The same with Q/DQ: unsigned activations with one scale, weights signed with a scale for each column."""
    nodes, value = [], "x"
    constants = [
        numpy_helper.from_array(np.array(6 / 127, np.float32), "scale"),
        numpy_helper.from_array(np.array(128, np.uint8), "zero"),
    ]
    for i, weight in enumerate(weights):
        scales = (np.abs(weight).max(axis=0) / 127).astype(np.float32)
        rounded = np.round(weight / scales).astype(np.int8)
        constants += [
            numpy_helper.from_array(rounded, f"w{i}"),
            numpy_helper.from_array(scales, f"s{i}"),
            numpy_helper.from_array(np.zeros(len(scales), np.int8), f"z{i}"),
        ]
        nodes += [
            helper.make_node("QuantizeLinear", [value, "scale", "zero"], [f"q{i}"]),
            helper.make_node("DequantizeLinear", [f"q{i}", "scale", "zero"], [f"a{i}"]),
            helper.make_node("DequantizeLinear", [f"w{i}", f"s{i}", f"z{i}"], [f"d{i}"], axis=1),
            helper.make_node("MatMul", [f"a{i}", f"d{i}"], [f"y{i}"]),
        ]
        value = f"y{i}"
    return _model(nodes, constants, value)


def _model(nodes: Any, constants: Any, output: str) -> onnx.ModelProto:
    shape = [TOKENS, _SIZE.hidden]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)]
    graph = helper.make_graph(nodes, "chain", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def _bound(engine: Any, feeds: dict[str, NDArray[np.float32]]) -> Callable[[], object]:
    output = f"y{len(SHAPES) - 1}"
    return lambda: engine.run(feeds, [output])


def _torch_chains(weights: list[NDArray[np.float32]], start: NDArray[np.float32], threads: int) -> Iterator[Chained]:
    import torch  # noqa: PLC0415 - last, and only for its own chains

    torch.set_num_threads(threads)
    for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        # torch multiplies by (outputs, inputs), as its Linear stores them
        layers = [torch.from_numpy(weight.T.copy()).to(dtype) for weight in weights]
        first = torch.from_numpy(start).to(dtype)

        def run(layers: Any = layers, value: Any = first) -> None:
            with torch.inference_mode():
                for layer in layers:
                    value = torch.nn.functional.linear(value, layer)

        yield precision, "torch", run
