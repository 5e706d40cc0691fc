"""Masks as lengths: what the fused kernels of a GPU take, and right for right-padded rows alone.

ONNX Runtime's Attention and MultiHeadAttention read a mask of one axis as the number of each row's keys (`mask_index`
and `key_padding_mask` in its ContribOperators.md); its CUDA provider gives the raw mask to slower kernels.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from bert_export.passes.constants import has_rank, produced_by

MASK_INPUT = {"Attention": 3, "MultiHeadAttention": 4}
"""Operator -> which of its inputs is the mask."""

AXIS = "key_lengths_axis"


def key_lengths(model: ir.Model) -> int:
    """Give every self-attention the number of each row's tokens for its mask; how many there are.

    A graph in any precision: masks are integers in all.
    """
    graph = model.graph
    lengths: dict[ir.Value, ir.Value] = {}
    count = 0
    for node in list(graph):
        mask = padding_mask(node)
        if mask is None:
            continue
        if mask not in lengths:
            lengths[mask] = _lengths(graph, mask)
        node.replace_input_with(MASK_INPUT[node.op_type], lengths[mask])
        count += 1
    return count


def padding_mask(node: ir.Node) -> ir.Value | None:
    """The raw mask of a fused self-attention, int32 of (batch, sequence); None of anything else."""
    place = MASK_INPUT.get(node.op_type, len(node.inputs))
    mask = node.inputs[place] if place < len(node.inputs) else None
    cast = produced_by(mask, "Cast")
    if cast is None or cast.attributes["to"].as_int() != ir.DataType.INT32 or not has_rank(cast.inputs[0], 2):
        return None
    return mask


def _lengths(graph: ir.Graph, mask: ir.Value) -> ir.Value:
    """The sums of a mask's rows, int32 of (batch,), made right after the mask."""
    tensor = ir.tensor(np.array([1], dtype=np.int64), name=AXIS)
    axis = ir.Value(name=AXIS, shape=ir.Shape([1]), type=ir.TensorType(tensor.dtype), const_value=tensor)
    graph.register_initializer(axis)
    node = ir.node("ReduceSum", [mask, axis], attributes={"keepdims": 0}, name=f"{mask.name}/lengths")
    made, producer = node.outputs[0], mask.producer()
    made.name, made.type = f"{node.name}:0", ir.TensorType(ir.DataType.INT32)
    assert producer is not None  # a Cast: see `padding_mask`
    graph.insert_after(producer, node)
    return made
