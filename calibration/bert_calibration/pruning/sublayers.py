"""The sub-layers of an encoder in a graph of any target: the products around heads and around neurons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from bert_calibration.errors import CalibrationError
from bert_calibration.products import ATTENTION, Product, Role, find_points, layer_of
from bert_calibration.pruning.widths import Kind, LayerWidths

FUSED = (ATTENTION, "MultiHeadAttention")
KIND_OF = {Role.CONTEXT: Kind.ATTENTION, Role.OUTPUT: Kind.FEED_FORWARD}
_MAKES = {Kind.ATTENTION: ".attention.self.", Kind.FEED_FORWARD: ".intermediate."}


@dataclass(frozen=True)
class Sublayer:
    """Structures (heads or neurons): the first products make them, the second reads them.

    Attributes:
        layer: its number, from 0.
        kind: what its structures are.
        first: query, key and value (packed in one or apart), or the first product of the feed-forward network.
        second: the product of which each structure has `size` rows.
        groups: how many structures there are.
        size: 1 for neurons, the size of a head for heads.
    """

    layer: int
    kind: Kind
    first: tuple[Product, ...]
    second: Product
    groups: int
    size: int

    @property
    def name(self) -> str:
        """For reports and tables."""
        return f"layer {self.layer} {self.kind.value}"

    @property
    def dead(self) -> NDArray[np.bool_]:
        """Which structures nothing reads, as all their rows of the second product are zero: (groups,)."""
        matrix = self.second.matrix().reshape(self.groups, -1)
        is_dead: NDArray[np.bool_] = np.logical_not(matrix.any(axis=1))
        return is_dead


def find_sublayers(model: ir.Model) -> list[Sublayer]:
    """Attention and feed-forward network of each layer, in the graph's order.

    Raises:
        CalibrationError: the graph holds none whose structures can be told apart.
    """
    products = [product for point in find_points(model) for product in point.products]
    points = [(KIND_OF[point.role], point.products[0]) for point in find_points(model) if point.role in KIND_OF]
    found = [_sublayer(kind, second, products) for kind, second in points]
    if not found:
        raise CalibrationError(
            "the graph has no encoder layer that could be pruned; expected an fp32 graph that this version of "
            "bert-export wrote"
        )
    return found


def _sublayer(kind: Kind, second: Product, products: Sequence[Product]) -> Sublayer:
    layer = layer_of(second.name)
    assert layer is not None  # products of these roles are named after their layer
    first = tuple(each for each in products if layer_of(each.name) == layer and _MAKES[kind] in each.name)
    rows = second.matrix().shape[0]
    groups = rows if kind is Kind.FEED_FORWARD else _heads(first, second)
    if not first or not groups or rows % groups:
        raise CalibrationError(
            f"the structures of {second.name} cannot be told apart, expected the products of a BERT layer; use a "
            "bundle that this version of bert-export wrote in fp32"
        )
    return Sublayer(layer, kind, first, second, groups, rows // groups)


def between(first: Sequence[Product], second: Product) -> list[ir.Node]:
    """The nodes from the first products to what the second reads, in no particular order; the first ones included."""
    found, waiting = set[ir.Node](), [product.node for product in first]
    while waiting:
        node = waiting.pop()
        if node not in found and node is not second.node:
            found.add(node)
            waiting += [use.node for value in node.outputs for use in value.uses()]
    return sorted(found, key=lambda node: str(node.name))


def _heads(first: Sequence[Product], second: Product) -> int:
    """From the fused operator, or from the shape that queries, keys and values are split into; 0 where neither says."""
    for node in between(first, second):
        if node.op_type in FUSED:
            return int(node.attributes["num_heads"].as_int())
        shape = node.outputs[0].shape
        if node.op_type == "Reshape" and shape is not None and shape.rank() == 4 and isinstance(shape[2], int):
            return shape[2]
    return 0


def widths_of(sublayers: Sequence[Sublayer], whole: Sequence[LayerWidths] = ()) -> tuple[LayerWidths, ...]:
    """What each layer holds, of what `whole` says that the architecture has (by default the same)."""
    return tuple(_widths(sublayers, whole))


def _widths(sublayers: Sequence[Sublayer], whole: Sequence[LayerWidths]) -> Iterator[LayerWidths]:
    counts = {(each.layer, each.kind): each.groups for each in sublayers}
    before = {each.layer: each for each in whole}
    for layer in sorted({each.layer for each in sublayers}):
        heads, neurons = counts[layer, Kind.ATTENTION], counts[layer, Kind.FEED_FORWARD]
        own = before.get(layer, LayerWidths(layer, heads, heads, neurons, neurons))
        yield LayerWidths(layer, heads, own.of_heads, neurons, own.of_neurons)
