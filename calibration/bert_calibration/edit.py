"""Changing a graph: new constants and nodes with names by place, so that equal work gives equal bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

CONTRIB = "com.microsoft"


class Editor:
    """Puts nodes before the node at hand, and constants into the graph."""

    def __init__(self, model: ir.Model) -> None:
        self.graph = model.graph
        self._names = Counter(str(node.name) for node in model.graph)
        self._made: dict[str, ir.Value] = {}

    def constant(self, name: str, array: NDArray[Any] | np.generic) -> ir.Value:
        """A constant of that name; the one that is there already, if there is."""
        found = self.graph.initializers.get(name)
        if found is not None:
            return found
        tensor = ir.tensor(np.ascontiguousarray(array), name=name)
        shape, kind = ir.Shape(array.shape), ir.TensorType(tensor.dtype)
        value = ir.Value(name=name, shape=shape, type=kind, const_value=tensor)
        self.graph.register_initializer(value)
        return value

    def add(
        self, before: ir.Node, operator: str, inputs: Sequence[ir.Value | None], place: str, **attributes: Any
    ) -> ir.Value:
        """The only output of a new node of the ONNX standard, named after its place; attributes are the operator's."""
        return self.add_node(before, ir.node(operator, inputs, attributes), place)[0]

    def add_node(self, before: ir.Node, node: ir.Node, place: str) -> Sequence[ir.Value]:
        """The outputs of a node, which is put before another and named `place/operator`."""
        name = f"{place}/{node.op_type}"
        self._names[name] += 1
        node.name = name if self._names[name] == 1 else f"{name}_{self._names[name]}"
        for index, value in enumerate(node.outputs):
            value.name = f"{node.name}:{index}"
        self.graph.insert_before(before, node)
        return node.outputs

    def once(self, name: str, make: Callable[[str], ir.Value]) -> ir.Value:
        """What `make` gave for that name the first time; ask in the graph's order: it is put where it is first read."""
        if name not in self._made:
            self._made[name] = make(name)
        return self._made[name]

    def drop(self, node: ir.Node, result: ir.Value) -> None:
        """Let everything that read the node's first output read `result`, which is there already, and drop the node."""
        node.outputs[0].replace_all_uses_with(result)
        self.graph.remove(node, safe=True)

    def replace(self, node: ir.Node, result: ir.Value) -> None:
        """Let everything that read the node's first output read `result`, which takes its name, and drop the node."""
        old = node.outputs[0]
        name, old.name = old.name, None
        result.name, result.shape, result.type = name, old.shape, old.type
        old.replace_all_uses_with(result, replace_graph_outputs=True)
        self.graph.remove(node, safe=True)
