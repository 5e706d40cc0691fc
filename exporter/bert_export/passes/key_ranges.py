"""Masks as ranges: the one form of a padding mask that always has a fast kernel on a GPU.

ONNX Runtime's Attention and MultiHeadAttention also read a mask of 3 * batch + 2 numbers: the number of each row's
keys, then where each row begins and the last one ends, of the queries and again of the keys (ContribOperators.md).
Their memory-efficient kernel takes that form on every GPU. Lengths alone are taken by kernels that a GPU may lack, and
the slowest one runs there. CPUs take lengths alone: a graph holds both, and an optional input says which it uses.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from bert_export.passes.constants import integers
from bert_export.passes.key_lengths import MASK_INPUT
from bert_runtime.manifest import KEY_RANGES


def key_ranges(model: ir.Model) -> int:
    """Let every attention that takes lengths (see `key_lengths`) take ranges when KEY_RANGES asks for them; how many
    there are. Run it last."""
    graph = model.graph
    made: dict[ir.Value, ir.Value] = {}
    count = 0
    asked: ir.Value | None = None
    for node in list(graph):
        place = MASK_INPUT.get(node.op_type, len(node.inputs))
        lengths = node.inputs[place] if place < len(node.inputs) else None
        producer = lengths.producer() if lengths is not None else None
        if lengths is None or producer is None or producer.op_type != "ReduceSum":
            continue
        if lengths not in made:
            asked = asked or _asked(graph)
            made[lengths] = _mask(graph, producer, asked)
        node.replace_input_with(place, made[lengths])
        count += 1
    return count


def _asked(graph: ir.Graph) -> ir.Value:
    """The input, with 0 as its default: lengths alone. An initializer that is also an input is its default value."""
    value = ir.Value(name=KEY_RANGES, shape=ir.Shape([1]), type=ir.TensorType(ir.DataType.INT64))
    value.const_value = ir.tensor(np.zeros(1, dtype=np.int64), name=KEY_RANGES)
    graph.inputs.append(value)
    graph.register_initializer(value)
    return value


def _mask(graph: ir.Graph, lengths: ir.Node, asked: ir.Value) -> ir.Value:
    """The lengths, and as many numbers of the ranges as are asked for; computed on the GPU, so that none is copied."""
    mask, axis = lengths.inputs[0], lengths.inputs[1]
    zero = integers(graph, f"{KEY_RANGES}/begin", [0])
    rows, first = (_zero(graph, name, shape) for name, shape in (("rows", ()), ("zero", (1,))))
    same = _node("Equal", [mask, mask], ir.DataType.BOOL)
    ones = _node("Cast", [same.outputs[0]], ir.DataType.INT32, to=ir.DataType.INT32)
    widths = _node("ReduceSum", [ones.outputs[0], axis], ir.DataType.INT32, keepdims=0)
    ends = _node("CumSum", [widths.outputs[0], rows], ir.DataType.INT32)
    starts = _node("Concat", [first, ends.outputs[0]], ir.DataType.INT32, axis=0)
    twice = _node("Concat", [starts.outputs[0], starts.outputs[0]], ir.DataType.INT32, "twice", axis=0)
    taken = _node("Slice", [twice.outputs[0], zero, asked], ir.DataType.INT32)
    whole = _node("Concat", [lengths.outputs[0], taken.outputs[0]], ir.DataType.INT32, "mask", axis=0)
    graph.insert_after(lengths, [same, ones, widths, ends, starts, twice, taken, whole])
    return whole.outputs[0]


def _zero(graph: ir.Graph, name: str, shape: tuple[int, ...]) -> ir.Value:
    if (named := f"{KEY_RANGES}/{name}") not in graph.initializers:
        tensor = ir.tensor(np.zeros(shape, dtype=np.int32), name=named)
        kind = ir.TensorType(tensor.dtype)
        graph.register_initializer(ir.Value(name=named, shape=ir.Shape(shape), type=kind, const_value=tensor))
    return graph.initializers[named]


def _node(
    operator: str, inputs: list[ir.Value | None], kind: ir.DataType, name: str = "", **attributes: int
) -> ir.Node:
    node = ir.node(operator, inputs, attributes=attributes, name=f"{KEY_RANGES}/{name or operator}")
    node.outputs[0].name, node.outputs[0].type = f"{node.name}:0", ir.TensorType(kind)
    return node
