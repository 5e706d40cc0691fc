"""What TensorRT takes, checked without TensorRT: standard operators, types that do not mix, symmetric integers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx_ir as ir
from numpy.typing import NDArray

from bert_export.errors import GateError

SHOWN = 8

FLOATS = frozenset({ir.DataType.FLOAT, ir.DataType.FLOAT16})

CONVERTING = frozenset({"Cast", "QuantizeLinear", "DequantizeLinear"})
"""Operators whose result may be of another type than their input; scales must still be of the floats' type."""


def check_plain(graph: Path) -> None:
    """Pass, or tell what TensorRT would not take, or would take for something else.

    Raises:
        GateError: names the nodes, all kinds of problems at once.
    """
    found = list(_problems(ir.load(graph)))
    if found:
        more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise GateError(
            f"{graph.name} is not for TensorRT: {'; '.join(found[:SHOWN])}{more}. This is a mistake of "
            "bert-export: report it with the checkpoint's configuration"
        )


def _problems(model: ir.Model) -> Iterator[str]:
    for node in model.graph:
        if node.domain != "":
            yield f"{node.name} is {node.domain}.{node.op_type}, expected operators of the ONNX standard alone"
        elif node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            yield from _integer_problems(node)
        mixed = {value.dtype for value in (*node.inputs, *_results(node)) if value is not None} & FLOATS
        if len(mixed) > 1:
            yield f"{node.name} ({node.op_type}) mixes single and half precision, expected one of them"


def _results(node: ir.Node) -> tuple[ir.Value, ...]:
    """The outputs that must be of the inputs' floating point type."""
    return () if node.op_type in CONVERTING else tuple(node.outputs)


def _integer_problems(node: ir.Node) -> Iterator[str]:
    scale, zero = _constant(node.inputs[1]), node.inputs[2] if len(node.inputs) > 2 else None
    if scale is None or not (scale > 0).all():
        yield f"{node.name} has a scale that is no positive constant"
    integers = node.inputs[0] if node.op_type == "DequantizeLinear" else node.outputs[0]
    kinds = {value.dtype for value in (integers, zero) if value is not None and value.dtype is not None}
    # Without a zero point QuantizeLinear gives uint8: that is the operator's default.
    if kinds - {ir.DataType.INT8} or (zero is None and node.op_type == "QuantizeLinear"):
        yield f"{node.name} has unsigned integers, expected int8: TensorRT would read them as signed"
    middle = _constant(zero)
    if zero is not None and (middle is None or middle.any()):
        yield f"{node.name} has a zero point that is not 0, expected symmetric integers"


def _constant(value: ir.Value | None) -> NDArray[Any] | None:
    """The stored numbers of a value, or None."""
    return None if value is None or value.const_value is None else value.const_value.numpy()
