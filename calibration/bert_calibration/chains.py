"""Chains of operators, followed from their end, where nothing else reads what is between; and what is stored."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

HEADS_JOINED = ("Reshape", "Transpose")
"""The operators between attention's second product and what it gives, the last first."""


def through(value: ir.Value | None, operators: Sequence[str]) -> ir.Node | None:
    """The node before a chain of operators, the last first, that ends in `value`; None where it is no such chain."""
    for operator in operators:
        node = only(value)
        if node is None or node.op_type != operator:
            return None
        value = node.inputs[0]
    return only(value)


def only(value: ir.Value | None) -> ir.Node | None:
    """The node that makes a value which one node reads, and no user of the graph."""
    if value is None or len(value.uses()) != 1 or value.is_graph_output():
        return None
    return value.producer()


def constant(value: ir.Value | None) -> NDArray[np.float32] | None:
    """The numbers of a value that is stored in the graph; None for any other."""
    if value is None or value.const_value is None or not value.is_initializer():
        return None
    return value.const_value.numpy()
