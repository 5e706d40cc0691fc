"""Which matrix products of a graph are quantised: those of the encoder's layers and of the vocabulary's head.

A head's own output (labels, spans, a pooler) stays in fp32: it is a thousandth of the work, and the answer is read off
it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

Weights = NDArray[np.float32]

_PLACE = re.compile(r"(?:^|\.)encoder\.layer\.(\d+)\.(.+)\.weight(?:\.scaled)?$")
_VOCABULARY = re.compile(r"(?:^|\.)cls\.predictions\.(transform\.dense|decoder)\.weight$")
_SUFFIX = re.compile(r"\.weight(?:\.scaled)?$")


class Role(Enum):
    """What an activation is in a layer of BERT."""

    ATTENTION = "attention"
    """What queries, keys and values are made of."""
    CONTEXT = "context"
    """What attention gives."""
    INTERMEDIATE = "intermediate"
    """What the wide half of the feed-forward network reads."""
    OUTPUT = "output"
    """What GELU gives to its narrow half."""
    VOCABULARY = "vocabulary"
    """What the head of a language model reads."""


ATTENTION = "Attention"
"""ONNX Runtime's operator that multiplies by the packed weights of queries, keys and values itself."""


_ROLES = {
    ".attention.self.": Role.ATTENTION,
    ".attention.output.": Role.CONTEXT,
    ".intermediate.": Role.INTERMEDIATE,
    ".output.": Role.OUTPUT,
    "cls.predictions.": Role.VOCABULARY,
}
"""Part of a product's name -> its role; the first that fits."""


@dataclass(frozen=True)
class Product:
    """`hidden @ weight`, where the weight is stored in the graph.

    Attributes:
        name: the weight's name without its ending: `bert.encoder.layer.0.output.dense`.
        node: the MatMul, or the Attention.
        weight: the stored tensor: (inputs, outputs), or (outputs, inputs) if `transposed`.
        transposed: whether a Transpose stands between: the vocabulary's projection reads the word embeddings so.
    """

    name: str
    node: ir.Node
    weight: ir.Value
    transposed: bool = False

    @property
    def hidden(self) -> ir.Value:
        """What is multiplied: (..., inputs)."""
        value = self.node.inputs[0]
        assert value is not None
        return value

    def matrix(self) -> Weights:
        """The weights as (inputs, outputs), fp32."""
        assert self.weight.const_value is not None
        stored = np.asarray(self.weight.const_value.numpy(), dtype=np.float32)
        return stored.T if self.transposed else stored


@dataclass(frozen=True)
class QuantizationPoint:
    """An activation, and the products that read it: they share one quantisation of it.

    Attributes:
        name: what the products' names have in common: `bert.encoder.layer.0.attention.self`.
        products: at least one, in the graph's order.
    """

    name: str
    products: tuple[Product, ...]

    @property
    def hidden(self) -> ir.Value:
        """The activation."""
        return self.products[0].hidden

    @property
    def role(self) -> Role:
        """What the activation is."""
        return next(role for ending, role in _ROLES.items() if ending in self.products[0].name)

    @property
    def weights(self) -> int:
        """How many weights its products hold."""
        return sum(product.weight.const_value.size for product in self.products if product.weight.const_value)

    def largest_weights(self) -> Weights:
        """The largest magnitude that multiplies each channel of the activation: (inputs,); empty for a shared table."""
        if any(product.transposed for product in self.products):
            return np.empty(0, dtype=np.float32)
        largest: Weights = np.max([np.abs(product.matrix()).max(axis=1) for product in self.products], axis=0)
        return largest


def find_products(model: ir.Model) -> list[Product]:
    """The products to quantise, in the graph's order."""
    return [product for node in model.graph if (product := _product(node)) is not None]


def find_points(model: ir.Model) -> list[QuantizationPoint]:
    """The activations to quantise, in the graph's order."""
    readers: dict[ir.Value, list[Product]] = {}
    for product in find_products(model):
        readers.setdefault(product.hidden, []).append(product)
    return [
        QuantizationPoint(_common_name(product.name for product in found), tuple(found)) for found in readers.values()
    ]


def layer_of(name: str) -> int | None:
    """The encoder layer that a product belongs to, or None."""
    place = _PLACE.search(f"{name}.weight")
    return int(place[1]) if place else None


def _product(node: ir.Node) -> Product | None:
    if node.op_type not in ("MatMul", ATTENTION) or len(node.inputs) < 2:
        return None
    weight, transposed = node.inputs[1], False
    before = weight.producer() if weight is not None else None
    if before is not None and before.op_type == "Transpose":
        weight, transposed = before.inputs[0], True
    if (
        weight is None
        or not weight.is_initializer()
        or weight.const_value is None
        or len(weight.const_value.shape) != 2
    ):
        return None
    name = str(weight.name)
    wanted = _PLACE.search(name) or _VOCABULARY.search(name)
    return Product(_SUFFIX.sub("", name), node, weight, transposed) if wanted else None


def _common_name(names: Iterable[str]) -> str:
    """The module that all of these products are in."""
    shared: list[str] = []
    for parts in zip(*(name.split(".") for name in names), strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return ".".join(shared)
