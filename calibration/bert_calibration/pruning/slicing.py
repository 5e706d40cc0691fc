"""Removing what nothing reads: heads and neurons whose rows of the second product are zero. Exact, on any graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from bert_calibration.pruning.sublayers import FUSED, Sublayer, between, find_sublayers, widths_of
from bert_calibration.pruning.widths import MULTIPLE, Kind, LayerWidths

Indices = NDArray[np.intp]
Floats = NDArray[np.float32]


def remove_dead(model: ir.Model) -> tuple[LayerWidths, ...]:
    """Slice every dead structure out of an fp32 graph in place; what is left of each layer.

    One head and MULTIPLE neurons stay at least, and neurons stay a multiple of MULTIPLE: a dead one costs its time and
    changes no answer.
    """
    before = find_sublayers(model)
    whole = widths_of(before)
    for sublayer in before:
        kept = _kept(sublayer)
        if len(kept) < sublayer.groups:
            _Cut(model.graph, sublayer, kept).run()
    return widths_of(find_sublayers(model), whole)


def has_dead(model: ir.Model) -> bool:
    """Whether `remove_dead` would remove something."""
    return any(len(_kept(sublayer)) < sublayer.groups for sublayer in find_sublayers(model))


def _kept(sublayer: Sublayer) -> Indices:
    """The structures that stay, in their order."""
    dead = sublayer.dead
    multiple = MULTIPLE if sublayer.kind is Kind.FEED_FORWARD else 1
    alive = int((~dead).sum())
    number = min(max(-(-alive // multiple), 1) * multiple, sublayer.groups)
    first = np.argsort(dead, kind="stable")[:number]  # the living, then as many dead ones as fill the multiple
    return np.sort(first)


@dataclass(frozen=True)
class _Cut:
    """One sub-layer with fewer structures.

    Attributes:
        kept: the indices of the structures that stay.
    """

    graph: ir.Graph
    sublayer: Sublayer
    kept: Indices

    @property
    def rows(self) -> Indices:
        """The rows of the second product that stay, which are the columns of the first ones."""
        size = self.sublayer.size
        return (self.kept[:, np.newaxis] * size + np.arange(size)).reshape(-1)

    @property
    def width(self) -> int:
        """Of all structures before."""
        return self.sublayer.groups * self.sublayer.size

    def run(self) -> None:
        """Slice weights, biases and shapes."""
        sublayer, rows = self.sublayer, self.rows
        nodes = between(sublayer.first, sublayer.second)
        for product in sublayer.first:
            _replace(product.weight, self._columns)
        _replace(sublayer.second.weight, lambda array: array[rows])
        for node in nodes:
            self._constants(node)
            if node.op_type == "Reshape":
                self._reshape(node)
            if node.op_type in FUSED:
                node.attributes["num_heads"] = ir.AttrInt64("num_heads", len(self.kept))
        for node in nodes:
            for value in node.outputs:
                value.shape = None if value.shape is None else self._shape(node, value.shape)

    def _columns(self, array: Floats) -> Floats:
        """The columns that stay of one projection, or of queries, keys and values side by side."""
        parts = np.split(array, array.shape[-1] // self.width, axis=-1)
        return np.concatenate([part[..., self.rows] for part in parts], axis=-1)

    def _constants(self, node: ir.Node) -> None:
        """Biases: constants of one axis that are as wide as all structures, or as three times that."""
        for value in node.inputs:
            if value is None or value.const_value is None or not value.is_initializer():
                continue
            shape = value.const_value.shape.numpy()
            if len(shape) == 1 and shape[0] in (self.width, 3 * self.width):
                _replace(value, self._columns)

    def _reshape(self, node: ir.Node) -> None:
        """Into heads, or out of them: the sizes of the other axes as they were."""
        shape, given = node.outputs[0].shape, node.inputs[1]
        assert shape is not None
        assert given is not None
        last = [len(self.kept), self.sublayer.size] if shape.rank() == 4 else [len(self.rows)]
        sizes = None if given.const_value is None else given.const_value.numpy().tolist()
        if sizes is None:  # batch and sequence, whatever they are
            sizes = [0] * shape.rank()
            node.attributes.pop("allowzero", None)
        made = np.array([*sizes[: len(sizes) - len(last)], *last], dtype=np.int64)
        name = f"{self.sublayer.second.name}.shape_{'_'.join(str(size) for size in made)}".replace("-", "m")
        node.replace_input_with(1, self._constant(name, made))

    def _constant(self, name: str, array: NDArray[np.int64]) -> ir.Value:
        found = self.graph.initializers.get(name)
        if found is not None:
            return found
        tensor = ir.tensor(array, name=name)
        value = ir.Value(name=name, shape=ir.Shape(array.shape), type=ir.TensorType(tensor.dtype), const_value=tensor)
        self.graph.register_initializer(value)
        return value

    def _shape(self, node: ir.Node, shape: ir.Shape) -> ir.Shape:
        """What is written of a value's shape, with the new number of structures."""
        sizes = list(shape)
        if len(sizes) == 4:
            after = {"Reshape": 2}.get(node.op_type, 1)
            if node.op_type == "Transpose":
                perm = node.attributes["perm"].as_ints()
                before = node.inputs[0]
                split = before is not None and before.producer() is not None and _is_split(before)
                after = list(perm).index(2 if split else 1)
            sizes[after] = len(self.kept)
        elif sizes and sizes[-1] == self.width:
            sizes[-1] = len(self.rows)
        return ir.Shape(sizes)


def _is_split(value: ir.Value) -> bool:
    """Whether heads are the third axis of a value, as right after a Reshape."""
    producer = value.producer()
    return producer is not None and producer.op_type == "Reshape"


def _replace(value: ir.Value, change: Callable[[Floats], Floats]) -> None:
    """Give a stored tensor other numbers under the same name."""
    assert value.const_value is not None
    array = np.ascontiguousarray(change(value.const_value.numpy()))
    value.const_value = ir.tensor(array, name=value.name)
    value.shape = ir.Shape(array.shape)
