"""The two kinds of floating point numbers of a graph, and the nodes between them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx_ir as ir

SINGLE, HALF = ir.DataType.FLOAT, ir.DataType.FLOAT16


def largest_half() -> float:
    """The largest finite number of half precision: 65504."""
    return float(np.finfo(np.float16).max)


def single_values(values: Iterable[ir.Value | None]) -> list[ir.Value]:
    """Those of the values that are of single precision."""
    return [value for value in values if value is not None and value.dtype == SINGLE]


def complete(graph: ir.Graph) -> None:
    """Give a type to what rewrites left without one: what is computed from single precision is of single precision.

    What nothing reads stays without: it may be of another type, such as the mask index of EmbedLayerNormalization.
    """
    for node in graph:
        if single_values(node.inputs):
            for value in node.outputs:
                if value.type is None and value.uses():
                    value.type = ir.TensorType(SINGLE)


class Casts:
    """Conversions of a graph's values, each made once and placed right after what it converts."""

    def __init__(self, graph: ir.Graph) -> None:
        self._graph = graph
        self._made: dict[tuple[ir.Value, ir.DataType], ir.Value] = {}

    def cast(self, value: ir.Value, dtype: ir.DataType) -> ir.Value:
        """`value` as `dtype`."""
        key = value, dtype
        if key not in self._made:
            node = cast_node(value, dtype)
            producer = value.producer()
            if producer is None:
                self._graph.insert_before(self._graph[0], node)
            else:
                self._graph.insert_after(producer, node)
            self._made[key] = node.outputs[0]
        return self._made[key]

    def restore_outputs(self) -> None:
        """Give outputs that have become half precision their single precision back, under their names."""
        for index, value in enumerate(self._graph.outputs):
            if value.dtype != HALF:
                continue
            wide = self.cast(value, SINGLE)
            wide.name, value.name = value.name, f"{value.name}/half"
            self._graph.outputs[index] = wide


def cast_node(value: ir.Value, dtype: ir.DataType) -> ir.Node:
    """A Cast of `value`, not yet in a graph."""
    node = ir.node("Cast", [value], attributes={"to": int(dtype)}, name=f"{value.name}/{dtype.name.lower()}")
    made = node.outputs[0]
    made.name, made.type, made.shape = f"{node.name}:0", ir.TensorType(dtype), value.shape
    return node
