"""What follows a product on ONNX Runtime's CPU provider, in the kernels that are fastest there.

SkipLayerNormalization adds and normalises number by number; Sum and LayerNormalization are vectorised and take a
quarter of the time. A bias is free inside MatMulIntegerToFloat, and Gelu without one is faster than BiasGelu.
"""

from __future__ import annotations

import onnx_ir as ir

from bert_calibration.edit import CONTRIB, Editor

PRODUCT = "MatMulIntegerToFloat"
_BIAS = 6
"""The place of the bias among the inputs of the product."""

_GELUS = {"BiasGelu": ("Gelu", ""), "FastGelu": ("FastGelu", CONTRIB)}
"""Operator with a bias -> (operator, domain) without."""


def split_norms(editor: Editor) -> int:
    """The number of SkipLayerNormalization that became Sum and LayerNormalization.

    Sum, not Add: ONNX Runtime would fuse an Add back.
    """
    found = [node for node in editor.graph if node.op_type == "SkipLayerNormalization"]
    for node in found:
        x, skip, gamma, beta, *bias = node.inputs
        place = node.name.rpartition("/")[0] if node.name else ""
        total = editor.add(node, "Sum", [x, skip, *bias], place)
        epsilon = node.attributes.get_float("epsilon", 1e-12)
        norm = editor.add(node, "LayerNormalization", [total, gamma, beta], place, axis=-1, epsilon=epsilon)
        editor.replace(node, norm)
    return len(found)


def absorb_biases(editor: Editor) -> int:
    """The number of biases that went into the product before them."""
    return sum(_absorbed(editor, node) for node in list(editor.graph))


def _absorbed(editor: Editor, node: ir.Node) -> bool:
    product = node.inputs[0].producer() if node.inputs and node.inputs[0] is not None else None
    if product is None or product.op_type != PRODUCT or len(product.outputs[0].uses()) > 1:
        return False
    bias = _bias(node)
    if bias is None or product.outputs[0].is_graph_output():
        return False
    place = (node.name or "").rpartition("/")[0]
    product.resize_inputs(_BIAS + 1)
    product.replace_input_with(_BIAS, bias)
    if node.op_type == "Sum":
        result = editor.add(node, "Sum", node.inputs[:2], place)
    else:
        operator, domain = _GELUS[node.op_type]
        result = editor.add_node(node, ir.node(operator, node.inputs[:1], domain=domain), place)[0]
    editor.replace(node, result)
    return True


def _bias(node: ir.Node) -> ir.Value | None:
    """The bias that a node adds to its first input, or None."""
    place = {"Sum": 2, **dict.fromkeys(_GELUS, 1)}.get(node.op_type)
    return node.inputs[place] if place is not None and len(node.inputs) > place else None
