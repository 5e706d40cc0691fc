"""int8 as QuantizeLinear and DequantizeLinear of the ONNX standard: each engine makes its own integer products of them.

Only the inputs of products with weights are quantised: engines fuse softmax attention in floating point. ONNX Runtime
takes uint8 with a zero point, OpenVINO is faster without one (see `openvino`), and TensorRT takes int8 without one, and
scales of half precision.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir

from bert_calibration.edit import Editor
from bert_calibration.embedding import stored
from bert_calibration.int8_weights import Integers, half_scales, quantized
from bert_calibration.products import Product, QuantizationPoint
from bert_calibration.ranges import Range

Made = Callable[[Product, Integers], None]


def replace_products(
    editor: Editor, point: QuantizationPoint, activation: ir.Value, half: bool = False, made: Made | None = None
) -> dict[str, str]:
    """Replace a point's products by products of `activation` with int8 weights; product -> the operator that it became.

    Args:
        half: whether scales are of half precision.
        made: called with each product that has a matrix of its own, and its integers, before the product is replaced.
    """
    promised = {}
    for product in point.products:
        if product.transposed:
            weight = _table(editor, product, half)
        else:
            integers = quantized(product.matrix(), axis=1, half=half)
            weight = _matrix(editor, product, integers)
            if made is not None:
                made(product, integers)
        result = editor.add(product.node, "MatMul", [activation, weight], f"{product.name}.int8")
        editor.replace(product.node, result)
        promised[f"{product.name}.int8"] = "MatMul"
    return promised


def rounded(editor: Editor, point: QuantizationPoint, found: Range, is_signed: bool = False) -> ir.Value:
    """The activation after its way to integers and back; `is_signed`: int8 around 0, with scales of half precision."""
    before, hidden, place = point.products[0].node, point.hidden, f"{point.name}.input"
    step, middle = (half_scales(np.array(found.signed())), np.int8(0)) if is_signed else found.unsigned()
    scale, zero = editor.constant(f"{place}.scale", step), editor.constant(f"{place}.zero", middle)
    integers = editor.add(before, "QuantizeLinear", [hidden, scale, zero], place)
    integers.type = ir.TensorType(ir.DataType.INT8 if is_signed else ir.DataType.UINT8)
    return editor.add(before, "DequantizeLinear", [integers, scale, zero], place)


def _table(editor: Editor, product: Product, half: bool) -> ir.Value:
    """Weights of (inputs, outputs) out of a table of (outputs, inputs) that others read too, stored as integers."""
    node, place = product.node, f"{product.name}.weight"
    table, scales = stored(editor, product.weight, half)
    rows = editor.add(node, "DequantizeLinear", [table, scales], place, axis=0)
    return editor.add(node, "Transpose", [rows], place, perm=[1, 0])


def _matrix(editor: Editor, product: Product, integers: Integers) -> ir.Value:
    """Weights of (inputs, outputs) as floats, stored as integers."""
    place = f"{product.name}.weight"
    values = editor.constant(f"{place}.int8", integers.values)
    scales = editor.constant(f"{place}.scale", integers.scales)
    return editor.add(product.node, "DequantizeLinear", [values, scales], place, axis=1)
