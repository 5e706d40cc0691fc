"""int8 for ONNX Runtime's CPU provider: uint8 activations times int8 weights, with results in fp32.

MatMulIntegerToFloat and QAttention leave everything around the products (bias, GELU, LayerNorm, softmax) as the fused
fp32 graph has it. uint8 x int8 is the pair that VNNI multiplies; on x86 without it ONNX Runtime adds pairs of products
in 16 bits, which may saturate: such a machine gives somewhat other answers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from bert_calibration.edit import CONTRIB, Editor
from bert_calibration.embedding import stored
from bert_calibration.int8_weights import quantized
from bert_calibration.plans import ACCURACY, DYNAMIC, PER_TOKEN, PERFORMANCE, Granularity
from bert_calibration.products import ATTENTION, Product, QuantizationPoint
from bert_calibration.ranges import Range
from bert_calibration.targets import cpu_rows, cpu_tail
from bert_calibration.targets.cpu_rows import axes_of, flat, middles, unflat
from bert_calibration.targets.scheme import Scheme, named

MATMUL, ATTENTION_INT8, ATTENTION_SEPARATE = "MatMulIntegerToFloat", "QAttention", "MultiHeadAttention"


@dataclass(frozen=True)
class Quantized:
    """An activation as integers: `(values - zero) * scale`, times `rows` where each token has its own scale.

    Attributes:
        values: uint8 of the activation's shape, or of (tokens, channels) with `rows`.
        scale, zero: one number each.
        rows: float32 of (tokens, 1), or None.
        axes: of what the activation was, to go back to; with `rows` only.
    """

    values: ir.Value
    scale: ir.Value
    zero: ir.Value
    rows: ir.Value | None = None
    axes: ir.Value | None = None


def quantize_point(
    editor: Editor, point: QuantizationPoint, granularity: Granularity, found: Range | None
) -> dict[str, str]:
    """Replace a point's products; product -> the operator that each became."""
    activation = _activation(editor, point, granularity, found)
    promised = {}
    for product in point.products:
        weight, scales = _weights(editor, product)
        if product.node.op_type == ATTENTION:
            promised[product.name] = _attention(editor, product, activation, (weight, scales))
        else:
            result = _product(editor, product, activation, (weight, scales))
            editor.replace(product.node, result)
            promised[product.name] = MATMUL
    return promised


def _activation(editor: Editor, point: QuantizationPoint, granularity: Granularity, found: Range | None) -> Quantized:
    before, hidden, place = point.products[0].node, point.hidden, f"{point.name}.input"
    if granularity is Granularity.TOKEN:
        return _per_token(editor, before, hidden, place)
    if granularity is Granularity.DYNAMIC:
        node = ir.node("DynamicQuantizeLinear", [hidden], num_outputs=3)
        return Quantized(*editor.add_node(before, node, place))
    assert found is not None
    numbers = found.unsigned()
    scale, zero = editor.constant(f"{place}.scale", numbers[0]), editor.constant(f"{place}.zero", numbers[1])
    return Quantized(editor.add(before, "QuantizeLinear", [hidden, scale, zero], place), scale, zero)


def _per_token(editor: Editor, before: ir.Node, hidden: ir.Value, place: str) -> Quantized:
    """Each token's largest magnitude becomes 127 steps from the middle; a token of zeros stays zeros."""
    last = editor.constant("last_axis", np.array([-1], dtype=np.int64))
    rows = flat(editor, before, hidden, place)
    sizes = editor.add(before, "Abs", [rows], place)
    largest = editor.add(before, "ReduceMax", [sizes, last], place, keepdims=0)
    floor = editor.add(before, "Max", [largest, editor.constant("least_size", np.float32(1e-12))], place)
    scale = editor.add(before, "Div", [floor, editor.constant("steps", np.float32(127))], place)
    axes = axes_of(editor, before, hidden, place)
    zeros = middles(editor, before, scale, axes)
    values = editor.add(before, "QuantizeLinear", [rows, scale, zeros], place, axis=0)
    column = editor.add(before, "Unsqueeze", [scale, last], place)
    one, middle = editor.constant("one", np.float32(1)), editor.constant("middle", np.uint8(128))
    return Quantized(values, one, middle, column, axes)


def _weights(editor: Editor, product: Product) -> tuple[ir.Value, ir.Value]:
    """(int8 of (inputs, outputs), a scale for each output)."""
    if product.transposed:  # the word embeddings: stored once, for the table and for this product
        table, scales = stored(editor, product.weight)
        return editor.add(product.node, "Transpose", [table], product.name, perm=[1, 0]), scales
    integers = quantized(product.matrix(), axis=1)
    name = f"{product.name}.weight"
    return editor.constant(f"{name}.int8", integers.values), editor.constant(f"{name}.scale", integers.scales)


def _product(editor: Editor, product: Product, activation: Quantized, weights: tuple[ir.Value, ir.Value]) -> ir.Value:
    """The product in fp32."""
    (weight, scales), node = weights, product.node
    inputs = [activation.values, weight, activation.scale, scales, activation.zero]
    result = editor.add_node(node, ir.node(MATMUL, inputs, domain=CONTRIB), product.name)[0]
    if activation.rows is None or activation.axes is None:
        return result
    scaled = editor.add(node, "Mul", [result, activation.rows], product.name)
    return unflat(editor, node, scaled, activation.axes, product.name)


def _attention(editor: Editor, product: Product, activation: Quantized, weights: tuple[ir.Value, ir.Value]) -> str:
    """Replace an Attention; the operator it became."""
    node, (weight, scales) = product.node, weights
    bias, mask = node.inputs[2], node.inputs[3]
    attributes = dict(node.attributes)
    if activation.rows is None:
        inputs = [activation.values, weight, bias, activation.scale, scales, mask, activation.zero]
        made = ir.node(ATTENTION_INT8, inputs, attributes, domain=CONTRIB)
        editor.replace(node, editor.add_node(node, made, product.name)[0])
        return ATTENTION_INT8
    # QAttention takes one scale; with one for each token the projection is a product of its own.
    packed = _product(editor, product, activation, weights)
    parts = editor.add_node(
        node, ir.node("Split", [packed], {"axis": -1, "num_outputs": 3}, num_outputs=3), product.name
    )
    made = ir.node(ATTENTION_SEPARATE, [*parts, bias, mask], attributes, domain=CONTRIB)
    editor.replace(node, editor.add_node(node, made, product.name)[0])
    return MATMUL


def finish(editor: Editor) -> None:
    """Move what surrounds the integer products to where ONNX Runtime computes it faster."""
    cpu_tail.split_norms(editor)
    cpu_tail.absorb_biases(editor)
    cpu_rows.stay_in_rows(editor)


SCHEME = Scheme(
    plans=named(PERFORMANCE, ACCURACY, PER_TOKEN, DYNAMIC),
    granularities=frozenset(Granularity),
    limits="",
    quantize_point=quantize_point,
    finish=finish,
    note="made for processors with VNNI or its like: on x86 without it, sums saturate and answers may differ",
)
