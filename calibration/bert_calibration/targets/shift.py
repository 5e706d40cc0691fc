"""Activations as uint8 without a zero point: OpenVINO's products then have nothing to make up for.

An activation is moved up before it is rounded until its least value is zero, by what its zero point would have been.
That adds one number, times the sum of its weights, to each of a product's outputs; the product's bias takes it away
again. The integers are those of a zero point. OpenVINO does the addition in the kernel before: BERT-base in int8 takes
2% less time with AVX-512 and 4% with AMX (benchmarks/LOG.md).
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from bert_calibration.chains import HEADS_JOINED, through
from bert_calibration.edit import Editor
from bert_calibration.integers import quantized
from bert_calibration.products import Product, Site
from bert_calibration.ranges import Range


def is_possible(site: Site) -> bool:
    """Whether every product has a matrix of its own, and a bias that is added to it at once."""
    return all(not product.transposed and _addition(product) is not None for product in site.products)


def rounded(editor: Editor, site: Site, found: Range) -> ir.Value:
    """The activation, moved up, after its way to integers and back.

    What attention gives is rounded before its heads are joined: OpenVINO does so in attention's own kernel, and moves a
    byte for each number afterwards.
    """
    before, hidden, place = site.products[0].node, site.hidden, f"{site.name}.input"
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


def take_from_biases(editor: Editor, site: Site, found: Range) -> None:
    """Subtract from each product's bias what moving the activation adds to its outputs."""
    step, middle = found.unsigned()
    up = float(step) * float(middle)
    for product in site.products if middle else ():
        addition = _addition(product)
        assert addition is not None
        node, place = addition
        bias = node.inputs[place]
        assert bias is not None
        assert bias.const_value is not None
        weights = quantized(product.matrix(), axis=1)
        sums = weights.values.sum(axis=0, dtype=np.int64) * weights.scales.astype(np.float64)
        moved = (bias.const_value.numpy().astype(np.float64) - up * sums).astype(np.float32)
        node.replace_input_with(place, editor.constant(f"{product.name}.bias.shifted", moved))


def _within(attended: ir.Node) -> tuple[ir.Value, ir.Node]:
    """What attention gives, and the one node that reads it."""
    (use,) = attended.outputs[0].uses()
    return attended.outputs[0], use.node


def _addition(product: Product) -> tuple[ir.Node, int] | None:
    """The Add of a product's bias, and the place of the bias among its inputs; None where there is none."""
    made = product.node.outputs[0]
    if len(made.uses()) != 1 or made.is_graph_output():
        return None
    (use,) = made.uses()
    node, place = use.node, 1 - use.idx
    bias = node.inputs[place] if node.op_type == "Add" else None
    if bias is None or not bias.is_initializer() or bias.const_value is None:
        return None
    return (node, place) if tuple(bias.const_value.shape) == product.matrix().shape[1:] else None
