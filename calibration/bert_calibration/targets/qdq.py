"""int8 as QuantizeLinear and DequantizeLinear of the ONNX standard: each engine makes its own integer products of them.

Only the inputs of products with weights are quantised: engines fuse softmax attention in floating point. ONNX Runtime
takes uint8 with a zero point, OpenVINO is faster without one (see `shift`), and TensorRT takes int8 without one, and
scales of half precision.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from bert_calibration.edit import Editor
from bert_calibration.embedding import stored
from bert_calibration.integers import half_scales, quantized
from bert_calibration.products import Product, Site
from bert_calibration.ranges import Range
from bert_calibration.targets import shift


def quantize_site(editor: Editor, site: Site, found: Range | None, target: str) -> dict[str, str]:
    """Replace a site's products; product -> the operator that each became. Without a range, weights alone are int8."""
    signed = target == "tensorrt"
    if found is None:
        floats = site.hidden
    elif target == "openvino" and shift.is_possible(site):
        floats = shift.rounded(editor, site, found)
        shift.take_from_biases(editor, site, found)
    else:
        floats = _rounded(editor, site, found, signed)
    promised = {}
    for product in site.products:
        weight = _weights(editor, product, half=signed)
        result = editor.add(product.node, "MatMul", [floats, weight], f"{product.name}.int8")
        editor.replace(product.node, result)
        promised[f"{product.name}.int8"] = "MatMul"
    return promised


def _rounded(editor: Editor, site: Site, found: Range, signed: bool) -> ir.Value:
    """The activation after its way to integers and back."""
    before, hidden, place = site.products[0].node, site.hidden, f"{site.name}.input"
    step, middle = (half_scales(np.array(found.signed())), np.int8(0)) if signed else found.unsigned()
    scale, zero = editor.constant(f"{place}.scale", step), editor.constant(f"{place}.zero", middle)
    integers = editor.add(before, "QuantizeLinear", [hidden, scale, zero], place)
    integers.type = ir.TensorType(ir.DataType.INT8 if signed else ir.DataType.UINT8)
    return editor.add(before, "DequantizeLinear", [integers, scale, zero], place)


def _weights(editor: Editor, product: Product, half: bool) -> ir.Value:
    """The weights as floats of (inputs, outputs), stored as integers."""
    node, place = product.node, f"{product.name}.weight"
    if product.transposed:
        table, scales = stored(editor, product.weight, half)
        rows = editor.add(node, "DequantizeLinear", [table, scales], place, axis=0)
        return editor.add(node, "Transpose", [rows], place, perm=[1, 0])
    integers = quantized(product.matrix(), axis=1, half=half)
    values = editor.constant(f"{place}.int8", integers.values)
    scales = editor.constant(f"{place}.scale", integers.scales)
    return editor.add(node, "DequantizeLinear", [values, scales], place, axis=1)
