"""The quantisation gate: every product that a BERT of that many layers has must be found, and every promise kept."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import onnx_ir as ir

from bert_calibration.errors import QuantizationError
from bert_calibration.products import Product, layer_of

_LAYER = re.compile(r"(?:^|\.)encoder\.layer\.(\d+)\.")
_DENSE = ("attention.output.dense", "intermediate.dense", "output.dense")
_PACKED = "attention.self.qkv"
_SEPARATE = ("attention.self.query", "attention.self.key", "attention.self.value")


def layers_of(model: ir.Model) -> int:
    """How many encoder layers the graph has, by the names of all that it stores, not of the products alone."""
    found = [_LAYER.search(name) for name in model.graph.initializers]
    return max((int(match[1]) + 1 for match in found if match is not None), default=0)


def check_found(products: Sequence[Product], layers: int) -> None:
    """Pass, or name the products that were not found.

    Raises:
        QuantizationError: a layer lacks one of its products.
    """
    found: dict[int, set[str]] = {layer: set() for layer in range(layers)}
    for product in products:
        layer = layer_of(product.name)
        if layer is not None:
            found.setdefault(layer, set()).add(product.name.partition(f"layer.{layer}.")[2])
    missing = [
        f"encoder.layer.{layer}.{name}"
        for layer, names in found.items()
        for name in (*_DENSE, *(() if _PACKED in names else _SEPARATE))
        if name not in names
    ]
    if missing or not found:
        raise QuantizationError(
            f"the graph has {layers} encoder layers, but these products were not found in it:"
            f" {', '.join(missing) or 'all'}; quantise a bundle that this version of bert-export wrote in fp32"
        )


def check_kept(model: ir.Model, promised: Mapping[str, str]) -> None:
    """Pass, or name the products whose node is not the operator that was promised.

    `promised` is product -> operator; a quantised node is named `product/operator`.

    Raises:
        QuantizationError: a promise was not kept.
    """
    found = {node.name for node in model.graph}
    missing = [f"{name} as {operator}" for name, operator in promised.items() if f"{name}/{operator}" not in found]
    if missing:
        raise QuantizationError(
            f"{len(missing)} of {len(promised)} products are not in the quantised graph: {', '.join(missing)};"
            " this is a mistake of bert-export: report it with the bundle's manifest"
        )
