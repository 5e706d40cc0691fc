"""Reading and writing the constants of a graph."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

Array = NDArray[np.generic]


def array(value: ir.Value | None) -> Array | None:
    """The constant that a value holds, or None."""
    tensor = ir.convenience.get_const_tensor(value) if value is not None else None
    return None if tensor is None else tensor.numpy()


def scalar(value: ir.Value | None) -> float | None:
    """The constant of one element that a value holds, whatever its rank, or None."""
    constant = array(value)
    return float(constant.item()) if constant is not None and constant.size == 1 else None


def vector(value: ir.Value | None) -> list[int] | None:
    """The integers of a constant, such as axes or a shape, or None."""
    constant = array(value)
    return None if constant is None else [int(number) for number in constant.reshape(-1)]


def has_rank(value: ir.Value | None, rank: int) -> bool:
    """Whether a value is known to have that many axes."""
    return value is not None and value.shape is not None and value.shape.rank() == rank


def produced_by(value: ir.Value | None, operator: str) -> ir.Node | None:
    """The node that computes `value`, if it is that operator of the ONNX standard."""
    node = value.producer() if value is not None else None
    return node if node is not None and node.op_type == operator and node.domain == "" else None


def integers(graph: ir.Graph, name: str, numbers: list[int]) -> ir.Value:
    """The int64 vector of this name; it is made if it is not there."""
    if name not in graph.initializers:
        tensor = ir.tensor(np.array(numbers, dtype=np.int64), name=name)
        kind = ir.TensorType(tensor.dtype)
        graph.register_initializer(ir.Value(name=name, shape=ir.Shape([len(numbers)]), type=kind, const_value=tensor))
    return graph.initializers[name]
