"""Half precision around the integers of a quantised graph, with scales of half precision: what TensorRT takes."""

from __future__ import annotations

from collections.abc import Collection

import onnx_ir as ir

from bert_calibration.baseline import MixedPrecision
from bert_export.precision.emulate import emulated
from bert_export.precision.half import to_half

_INTEGERS = ("QuantizeLinear", "DequantizeLinear")


def half_around_int8(base: ir.Model, kept: Collection[str]) -> MixedPrecision:
    """How to narrow what quantisation makes of `base`.

    Args:
        base: the graph in single precision.
        kept: names of its nodes that stay so. A quantised product has another name, but gives the same value.
    """
    values = frozenset(str(value.name) for node in base.graph if node.name in kept for value in node.outputs)

    def narrow(model: ir.Model) -> int:
        return to_half(model, staying(model.graph, values))

    return MixedPrecision(narrow, emulated)


def staying(graph: ir.Graph, values: Collection[str]) -> frozenset[str]:
    """The names of the nodes that give one of `values`, and of the quantisation in front of them.

    A conversion between DequantizeLinear and a product would keep TensorRT from computing the product in integers.
    """
    found: set[str] = set()
    for node in graph:
        if any(str(value.name) in values for value in node.outputs):
            found.add(str(node.name))
            waiting = list(node.inputs)
            while waiting:
                value = waiting.pop()
                before = None if value is None else value.producer()
                if before is not None and before.op_type in _INTEGERS:
                    found.add(str(before.name))
                    waiting.append(before.inputs[0])
    return frozenset(found)
