"""What a half precision graph answers where half precision is really computed, found out on a CPU.

ONNX Runtime's CPU provider computes most operators of a half precision graph in single precision and drops the
conversions between them: a value that overflows in half precision does not overflow there, and a comparison with torch
would prove nothing. Here every operator computes in single precision, as the accumulators of a GPU do. On CUDA those
of SkipLayerNormalization and EmbedLayerNormalization do so since ONNX Runtime's pull request 28682 of May 2026, before
the oldest release that the extra `gpu` allows. Two conversions then round each result to half precision; no optimiser
may remove them, since the first loses digits.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from bert_export.passes.constants import array
from bert_export.precision.types import HALF, SINGLE, cast_node


def emulated(model: ir.Model) -> ir.Model:
    """A graph of single precision with the roundings of `model`, which stays as it was."""
    copy = model.clone()
    graph = copy.graph
    for value in graph.initializers.values():
        if value.dtype == HALF:
            weight = array(value)
            assert weight is not None
            value.const_value = ir.tensor(weight.astype(np.float32), name=value.name)
            value.type = ir.TensorType(SINGLE)
    for node in list(graph):
        for value in [value for value in node.outputs if value.dtype == HALF]:
            _round(graph, node, value)
    return copy


def _round(graph: ir.Graph, node: ir.Node, value: ir.Value) -> None:
    """Let `node` give single precision, and everything that reads it the rounded number."""
    if node.op_type == "Cast":
        node.attributes["to"] = ir.AttrInt64("to", SINGLE)
    value.type = ir.TensorType(SINGLE)
    narrow = cast_node(value, HALF)
    wide = cast_node(narrow.outputs[0], SINGLE)
    value.replace_all_uses_with(wide.outputs[0])
    narrow.replace_input_with(0, value)
    graph.insert_after(node, [narrow, wide])
