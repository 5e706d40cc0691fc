"""Why `tensorrt` has no packed graph: TensorRT for RTX reads the operator and builds it for no GPU that it knows.

If a test of this file fails, docs/decisions/packed-attention-tensorrt.md is to be decided again.
"""

from __future__ import annotations

import pytest
from onnx import TensorProto, helper

trt = pytest.importorskip("tensorrt_rtx")

HEADS, SIZE = 4, 64


def packed_attention() -> bytes:
    """One attention of (tokens, heads, size), with the number of tokens before each row."""
    shape: list[str | int | None] = ["tokens", HEADS, SIZE]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT16, shape) for name in ("query", "key", "value")]
    starts = helper.make_tensor_value_info("starts", TensorProto.INT32, ["rows"])
    node = helper.make_node(
        "TRT_Attention",
        ["query", "key", "value", "", "starts", "starts"],
        ["seen"],
        query_form="packed_nhd",
        kv_form="packed_nhd",
    )
    seen = helper.make_tensor_value_info("seen", TensorProto.FLOAT16, shape)
    graph = helper.make_graph([node], "packed", [*values, starts], [seen])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    model.ir_version = 10
    content: bytes = model.SerializeToString()
    return content


def test_the_parser_takes_the_operator_and_the_builder_has_no_kernel() -> None:
    logger = trt.Logger(trt.Logger.INTERNAL_ERROR)
    builder = trt.Builder(logger)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, logger)
    assert parser.parse(packed_attention())
    config, profile = builder.create_builder_config(), builder.create_optimization_profile()
    for i in range(network.num_inputs):
        tensor = network.get_input(i)
        sizes = [(2,), (5,), (65,)] if tensor.name == "starts" else [(n, HEADS, SIZE) for n in (1, 128, 4096)]
        profile.set_shape(tensor.name, *sizes)
    config.add_optimization_profile(profile)
    assert builder.build_serialized_network(network, config) is None
