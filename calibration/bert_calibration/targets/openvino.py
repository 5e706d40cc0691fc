"""Activations as uint8 without a zero point, so that OpenVINO's matrix products need no compensation.

Before rounding, a constant is added to the activation so that its least value is zero: what its zero point would have
been. Each output of the product then grows by this constant times the sum of its weights, and the bias subtracts that
again. The integers are those of a zero point. OpenVINO does the addition in the kernel before: BERT-base in int8 takes
2% less time with AVX-512 and 4% with AMX (docs/decisions/int8-openvino.md).
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from bert_calibration.chains import HEADS_JOINED, constant, through
from bert_calibration.edit import Editor
from bert_calibration.int8_weights import Integers
from bert_calibration.plans import ACCURACY, PER_TOKEN, PERFORMANCE, Granularity
from bert_calibration.products import Product, QuantizationPoint
from bert_calibration.ranges import Range
from bert_calibration.targets import portable, qdq
from bert_calibration.targets.scheme import Scheme, named


def quantize_point(
    editor: Editor, point: QuantizationPoint, granularity: Granularity, found: Range | None
) -> dict[str, str]:
    """Replace a point's products; product -> the operator that each became."""
    if granularity is not Granularity.STATIC or found is None or not is_possible(point):
        return portable.quantize_point(editor, point, granularity, found)

    def correct(product: Product, weights: Integers) -> None:
        take_from_bias(editor, product, found, weights)

    return qdq.replace_products(editor, point, rounded(editor, point, found), made=correct)


def is_possible(point: QuantizationPoint) -> bool:
    """Whether every product has a matrix of its own, and a bias that is added to it at once."""
    return all(not product.transposed and _addition(product) is not None for product in point.products)


def rounded(editor: Editor, point: QuantizationPoint, found: Range) -> ir.Value:
    """The activation, moved up, after its way to integers and back.

    What attention gives is rounded before its heads are joined: OpenVINO does so in attention's own kernel, and moves a
    byte for each number afterwards.
    """
    before, hidden, place = point.products[0].node, point.hidden, f"{point.name}.input"
    step, middle = found.unsigned()
    scale, zero = editor.constant(f"{place}.scale", step), editor.constant(f"{place}.zero", np.uint8(0))
    attended = through(hidden, HEADS_JOINED)
    value, reader = (hidden, before) if attended is None else _within(attended)
    integers = value
    if middle:
        up = editor.constant(f"{place}.shift", np.float32(step * np.float32(middle)))
        integers = editor.add(reader, "Add", [integers, up], place)
        integers.shape, integers.type = value.shape, value.type
    integers = editor.add(reader, "QuantizeLinear", [integers, scale, zero], place)
    integers.shape, integers.type = value.shape, ir.TensorType(ir.DataType.UINT8)
    if attended is not None:
        reader.replace_input_with(0, integers)
        hidden.type = reader.outputs[0].type = integers.type
        integers = hidden
    return editor.add(before, "DequantizeLinear", [integers, scale, zero], place)


def take_from_bias(editor: Editor, product: Product, found: Range, weights: Integers) -> None:
    """Subtract from a product's bias what moving the activation adds to its outputs."""
    addition = _addition(product)
    step, middle = found.unsigned()
    if addition is None or not middle:
        return
    node, place, bias = addition
    sums = weights.values.sum(axis=0, dtype=np.int64) * weights.scales.astype(np.float64)
    moved = (bias.astype(np.float64) - float(step) * float(middle) * sums).astype(np.float32)
    node.replace_input_with(place, editor.constant(f"{product.name}.bias.shifted", moved))


def _within(attended: ir.Node) -> tuple[ir.Value, ir.Node]:
    """What attention gives, and the one node that reads it."""
    (use,) = attended.outputs[0].uses()
    return attended.outputs[0], use.node


def _addition(product: Product) -> tuple[ir.Node, int, NDArray[np.float32]] | None:
    """The Add of a product's bias, the place of the bias among its inputs, and the bias; None where there is none."""
    made = product.node.outputs[0]
    if len(made.uses()) != 1 or made.is_graph_output():
        return None
    (use,) = made.uses()
    place = 1 - use.idx
    bias = constant(use.node.inputs[place]) if use.node.op_type == "Add" else None
    return (use.node, place, bias) if bias is not None and bias.shape == product.matrix().shape[1:] else None


SCHEME = Scheme(
    plans=named(PERFORMANCE, ACCURACY, PER_TOKEN),
    granularities=portable.SCHEME.granularities,
    limits=portable.SCHEME.limits,
    quantize_point=quantize_point,
    token_note=portable.SCHEME.token_note,
)
