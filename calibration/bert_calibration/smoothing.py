"""SmoothQuant: large channels of an activation give some of their size to their weights; fp32 answers stay as they are.

An activation is divided by one multiplication in front of its products. In BERT every LayerNorm is read by a residual
too, so the factors cannot hide in its gamma and beta. What attention gives is a mean of its values, channel by channel:
there they hide in the columns of the values' weights, and cost nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from bert_calibration.chains import HEADS_JOINED, constant, only, through
from bert_calibration.edit import Editor
from bert_calibration.plans import Granularity
from bert_calibration.products import ATTENTION, Product, QuantizationPoint, Role
from bert_calibration.ranges import Range

Factors = NDArray[np.float32]

_PAST = 4
"""The place of the cache among the inputs of an Attention: its values would have other factors than new ones."""

_HEADS_SPLIT = ("Transpose", "Reshape")
"""The operators between attention's second product and its values."""


def factors_of(found: Range | None, granularity: Granularity) -> Factors | None:
    """What each channel is divided by: (channels,), or None."""
    if found is None:
        return None
    factors = found.token_smooth if granularity is Granularity.TOKEN else found.smooth
    return np.array(factors, dtype=np.float32) if factors else None


def smooth(
    editor: Editor, points: Sequence[QuantizationPoint], factors: Mapping[str, Factors]
) -> list[QuantizationPoint]:
    """The points after their channels were divided: `factors` by name of point; a point without any stays as it is."""
    kept = list(points)
    for index, point in enumerate(kept):
        if point.name in factors:
            divisor = factors[point.name]
            if point.role is not Role.CONTEXT or not _hidden_in_values(editor, kept, point, divisor):
                _divide(editor, point, divisor)
            grown = [(product, product.matrix() * divisor[:, np.newaxis]) for product in point.products]
            kept[index] = replace(
                point, products=tuple(_with(editor, each, matrix, "smooth") for each, matrix in grown)
            )
    return kept


def _divide(editor: Editor, point: QuantizationPoint, factors: Factors) -> None:
    """A multiplication between the activation and its products."""
    hidden, place = point.hidden, f"{point.name}.input"
    divided = editor.add(
        point.products[0].node, "Mul", [hidden, editor.constant(f"{place}.smooth", 1 / factors)], place
    )
    divided.shape, divided.type = hidden.shape, hidden.type
    for product in point.products:
        product.node.replace_input_with(0, divided)


def _with(editor: Editor, product: Product, matrix: NDArray[np.float32], cause: str) -> Product:
    """The product with another matrix; the stored one may have other readers."""
    weight = editor.constant(f"{product.name}.weight.{cause}", matrix)
    product.node.replace_input_with(1, weight)
    return replace(product, weight=weight)


def _hidden_in_values(
    editor: Editor, points: list[QuantizationPoint], point: QuantizationPoint, factors: Factors
) -> bool:
    """Whether the values that the point's activation is a mean of could take the division; then they did."""
    found = _values(point)
    owner = next((i for i, each in enumerate(points) for p in each.products if found and p.node is found[0]), None)
    if found is None or owner is None:
        return False
    node, reader, place = found
    bias = reader.inputs[place]
    assert bias is not None
    assert bias.const_value is not None
    (product,) = (each for each in points[owner].products if each.node is node)
    columns = np.ones(product.matrix().shape[1], dtype=np.float32)
    columns[-len(factors) :] = 1 / factors  # of an Attention, values are the last of the packed columns
    divided = _with(editor, product, product.matrix() * columns, "divided")
    others = (divided if each is product else each for each in points[owner].products)
    points[owner] = replace(points[owner], products=tuple(others))
    numbers = bias.const_value.numpy() * columns
    reader.replace_input_with(place, editor.constant(f"{product.name}.bias.divided", numbers))
    return True


def _values(point: QuantizationPoint) -> tuple[ir.Node, ir.Node, int] | None:
    """(the product that makes the values, the node with their bias, the place of the bias among its inputs), or None
    where another node reads the values, or the pattern of the graph is unknown."""
    before = only(point.hidden)
    if before is not None and before.op_type == ATTENTION:
        bias = before.inputs[2]
        past = before.inputs[_PAST] if len(before.inputs) > _PAST else None
        return (before, before, 2) if past is None and constant(bias) is not None else None
    mixed = through(point.hidden, HEADS_JOINED)
    if mixed is None or mixed.op_type != "MatMul":
        return None
    added = through(mixed.inputs[1], _HEADS_SPLIT)
    if added is None or added.op_type != "Add" or constant(added.inputs[1]) is None:
        return None
    product = only(added.inputs[0])
    return (product, added, 1) if product is not None and product.op_type == "MatMul" else None
