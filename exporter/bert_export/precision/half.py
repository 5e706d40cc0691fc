"""A graph in half precision (IEEE binary16): weights and arithmetic, but what goes in and comes out stays as it is."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import onnx_ir as ir

from bert_export.errors import GateError
from bert_export.passes.constants import array
from bert_export.precision.types import HALF, SINGLE, Casts, complete, largest_half, single_values

FILTER = -30000.0
"""What half precision adds to the score of padding. The lowest number, which single precision adds, would not do: with
a score below -16 the sum is infinite, and a row that is all padding becomes NaN."""

FILTER_ATTRIBUTE = "mask_filter_value"

SUMS = frozenset({"ReduceSum", "ReduceMean", "ReduceL1", "ReduceL2", "ReduceSumSquare", "Div", "Sqrt", "Pow", "CumSum"})
"""Operators that stay in single precision: they pool many tokens into one vector, once for a text. Layers hold none."""

MOVES = frozenset({"Expand", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Slice", "Gather", "Identity"})
"""Operators that compute nothing."""


def to_half(model: ir.Model, kept: Collection[str] = ()) -> int:
    """Convert in place; the number of nodes that compute in half precision.

    Args:
        model: a graph of single precision, without subgraphs.
        kept: names of nodes that stay in single precision.

    Raises:
        GateError: a weight is beyond the range of half precision; names every one.
    """
    graph = model.graph
    complete(graph)
    nodes = [node for node in graph if single_values(node.inputs) or single_values(node.outputs)]
    stay = _staying(nodes, kept)
    narrow = [node for node in nodes if node not in stay]
    _check_range(narrow)
    casts = Casts(graph)
    _narrow_weights(narrow)
    for node in narrow:
        _narrow(node, casts)
    for node in stay:
        for index, value in enumerate(node.inputs):
            if value is not None and value.dtype == HALF:
                node.replace_input_with(index, casts.cast(value, SINGLE))
    casts.restore_outputs()
    return len(narrow)


def _staying(nodes: list[ir.Node], kept: Collection[str]) -> list[ir.Node]:
    """The nodes that stay in single precision, in the order of the graph."""
    stay: dict[ir.Node, None] = {}
    for node in nodes:
        source = node.inputs[0].producer() if node.inputs and node.inputs[0] is not None else None
        moves = node.op_type in MOVES and source in stay  # a number that is only moved keeps its digits
        sums = node.domain == "" and node.op_type in SUMS
        if node.name in kept or sums or moves or any(_underflows(value) for value in node.inputs):
            stay[node] = None
    return list(stay)


def _underflows(value: ir.Value | None) -> bool:
    """Whether a small constant, such as the epsilon of a division, would become zero."""
    constant = array(value) if value is not None and value.dtype == SINGLE else None
    if constant is None or constant.size > 1:
        return False
    number = float(constant.item())
    return number != 0 and abs(number) < float(np.finfo(np.float16).smallest_subnormal)


def _check_range(nodes: list[ir.Node]) -> None:
    weights = {value.name: array(value) for node in nodes for value in single_values(node.inputs)}
    beyond = [
        f"{name} holds {float(np.abs(weight).max()):.3g}"
        for name, weight in weights.items()
        if weight is not None and weight.size > 1 and not np.abs(weight).max() <= largest_half()
    ]
    if beyond:
        raise GateError(
            f"half precision ends at {largest_half():.0f}, and {'; '.join(beyond)}. Export without --fp16, or with "
            "--bf16, which has the range of single precision"
        )


def _narrow_weights(narrow: list[ir.Node]) -> None:
    """Store the weights of `narrow` nodes in half precision; a Cast gives other readers single precision."""
    for value in dict.fromkeys(value for node in narrow for value in single_values(node.inputs)):
        weight = array(value)
        if weight is None or not value.is_initializer() or value.is_graph_input():
            continue
        number = np.clip(weight.astype(np.float32), FILTER, None) if weight.size == 1 else weight
        value.const_value = ir.tensor(number.astype(np.float16), name=value.name)
        value.type = ir.TensorType(HALF)


def _narrow(node: ir.Node, casts: Casts) -> None:
    for index, value in enumerate(node.inputs):
        if value is not None and value.dtype == SINGLE:
            node.replace_input_with(index, casts.cast(value, HALF))
    if node.op_type == "Cast" and node.attributes["to"].as_int() == SINGLE:
        node.attributes["to"] = ir.AttrInt64("to", HALF)
    if FILTER_ATTRIBUTE in node.attributes:
        node.attributes[FILTER_ATTRIBUTE] = ir.AttrFloat32(FILTER_ATTRIBUTE, FILTER)
    for value in single_values(node.outputs):
        value.type = ir.TensorType(HALF)
