"""Activations as matrices of (tokens, channels), which a scale for each token needs on ONNX Runtime's CPU provider.

QuantizeLinear takes scales along one axis, so the activation of a quantization point becomes a matrix, and the results
of its products go back to the axes that they had. Between two attentions nothing reads those axes: everything stays a
matrix there, and a layer keeps two of eight reshapes.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from bert_calibration.edit import Editor

_ROWWISE = ("Sum", "Mul", "Gelu", "FastGelu", "BiasGelu", "LayerNormalization")
"""Operators that treat every token alike, whatever the axes before the channels."""

_KEEPING_AXES = (*_ROWWISE, "SkipLayerNormalization", "Split", "MultiHeadAttention")
"""Operators whose output has the axes of the first input; of these graphs, where Split is one of channels."""

_AXES = "axes"


def flat(editor: Editor, before: ir.Node, hidden: ir.Value, place: str) -> ir.Value:
    """(..., channels) as (tokens, channels)."""
    channels = _channels(hidden)
    assert channels is not None
    shape = editor.constant(f"rows_of_{channels}", np.array([-1, channels], dtype=np.int64))
    return editor.add(before, "Reshape", [hidden, shape], place)


def unflat(editor: Editor, before: ir.Node, rows: ir.Value, axes: ir.Value, place: str) -> ir.Value:
    """(tokens, channels) with the axes that `axes_of` found before its channels."""
    return editor.add(before, "Reshape", [rows, axes], place)


def axes_of(editor: Editor, before: ir.Node, hidden: ir.Value, place: str) -> ir.Value:
    """The sizes of the axes before the channels, then -1; taken from an earlier activation that led to `hidden`."""
    known = _inherited(hidden)
    if known is not None:
        return known
    sizes = editor.add(before, "Shape", [hidden], f"{place}.{_AXES}", end=-1)
    any_width = editor.constant("any_width", np.array([-1], dtype=np.int64))
    return editor.add(before, "Concat", [sizes, any_width], f"{place}.{_AXES}", axis=0)


def middles(editor: Editor, before: ir.Node, scale: ir.Value, axes: ir.Value) -> ir.Value:
    """The zero point 128 for each token: `scale` is of (tokens); made once for all activations of these axes."""

    def make(name: str) -> ir.Value:
        count = editor.add(before, "Shape", [scale], name)
        return editor.add(before, "Expand", [editor.constant("middles", np.array([128], dtype=np.uint8)), count], name)

    return editor.once(f"{axes.name}.middles", make)


def stay_in_rows(editor: Editor) -> int:
    """The number of operators that now compute on matrices, between a product and the next activation's integers."""
    rows: dict[ir.Value, ir.Value] = {}
    axes: dict[ir.Value, ir.Value] = {}
    moved = 0
    for node in list(editor.graph):
        hidden = node.inputs[0] if node.inputs else None
        if hidden is None:
            continue
        if _goes_back(node):
            rows[node.outputs[0]] = hidden
            axes[node.outputs[0]] = _second(node)
        elif _becomes_rows(node, hidden):
            if hidden in rows:
                editor.drop(node, rows[hidden])
            else:
                rows[hidden] = node.outputs[0]
        elif node.op_type in _ROWWISE:
            moved += _move(editor, node, rows, axes)
    return moved


def _move(editor: Editor, node: ir.Node, rows: dict[ir.Value, ir.Value], axes: dict[ir.Value, ir.Value]) -> bool:
    """Let an operator that reads a product's result read its matrix; the axes come back after it."""
    found = next((value for value in node.inputs if value in axes), None)
    variable = [value for value in node.inputs if value is not None and value.const_value is None]
    if found is None or any(value not in rows and _channels(value) is None for value in variable):
        return False
    place = (node.name or "").rpartition("/")[0]
    for value in variable:
        if value not in rows:
            rows[value] = flat(editor, node, value, place)
    inputs = [rows.get(value, value) if value is not None else None for value in node.inputs]
    made = editor.add_node(node, ir.node(node.op_type, inputs, dict(node.attributes), domain=node.domain), place)[0]
    back = unflat(editor, node, made, axes[found], place)
    rows[back], axes[back] = made, axes[found]
    editor.replace(node, back)
    return True


def _goes_back(node: ir.Node) -> bool:
    """Whether `unflat` made the node."""
    shape = _second(node) if node.op_type == "Reshape" else None
    maker = shape.producer() if shape is not None else None
    return maker is not None and (maker.name or "").endswith(f".{_AXES}/Concat")


def _becomes_rows(node: ir.Node, hidden: ir.Value) -> bool:
    """Whether `flat` made the node."""
    return node.op_type == "Reshape" and _second(node).name == f"rows_of_{_channels(hidden)}"


def _second(node: ir.Node) -> ir.Value:
    value = node.inputs[1]
    assert value is not None
    return value


def _channels(hidden: ir.Value) -> int | None:
    """The width of an activation with axes before it, or None where the graph does not say."""
    width = hidden.shape[-1] if hidden.shape is not None and len(hidden.shape) else None
    return width if isinstance(width, int) else None


def _inherited(hidden: ir.Value) -> ir.Value | None:
    """The axes that came back before the operators that made `hidden`, all of which leave them as they are."""
    node = hidden.producer()
    while node is not None and not _goes_back(node):
        if node.op_type not in _KEEPING_AXES:
            return None
        node = node.inputs[0].producer() if node.inputs[0] is not None else None
    return _second(node) if node is not None else None
