"""The word embeddings as int8, a scale for each word: only the rows that a text reads become floats."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
import onnx_ir as ir

from bert_calibration.edit import CONTRIB, Editor
from bert_calibration.int8_weights import quantized

_FUSED = "EmbedLayerNormalization"
_POSITION_IDS = 8


def quantize_embedding(editor: Editor, floats: Collection[ir.Value] = ()) -> int:
    """1 if the table of word embeddings was replaced, else 0.

    A table among `floats` stays: a product reads it in floating point, and a second one in integers would only add.
    """
    readers = sorted(_readers(editor.graph), key=lambda found: -_size(found[1]))
    if not readers or readers[0][1] in floats:
        return 0
    node, table, ids = readers[0]
    words = looked_up(editor, node, table, ids)
    editor.replace(node, _normalized(editor, node, words) if node.op_type == _FUSED else words)
    return 1


def looked_up(editor: Editor, node: ir.Node, table: ir.Value, ids: ir.Value) -> ir.Value:
    """The float rows of `table` at `ids`, put before `node`: (..., hidden)."""
    values, scales = stored(editor, table)
    place = str(table.name).removesuffix(".weight")
    rows = editor.add(node, "Gather", [values, ids], place, axis=0)
    scale = editor.add(node, "Gather", [scales, ids], f"{place}.scale", axis=0)
    last = editor.constant("last_axis", np.array([-1], dtype=np.int64))
    column = editor.add(node, "Unsqueeze", [scale, last], f"{place}.scale")
    floats = editor.add(node, "Cast", [rows], place, to=ir.DataType.FLOAT)
    return editor.add(node, "Mul", [floats, column], place)


def stored(editor: Editor, table: ir.Value, half: bool = False) -> tuple[ir.Value, ir.Value]:
    """(int8 of (rows, columns), a scale for each row) of a table, shared by all its readers; see `quantized`."""
    assert table.const_value is not None
    integers = quantized(np.asarray(table.const_value.numpy(), dtype=np.float32), axis=0, half=half)
    return editor.constant(f"{table.name}.int8", integers.values), editor.constant(
        f"{table.name}.scale", integers.scales
    )


def _normalized(editor: Editor, node: ir.Node, words: ir.Value) -> ir.Value:
    """What EmbedLayerNormalization makes of the words: positions and, where the model has them, types added, then
    LayerNorm."""
    _, types, _, positions, type_table, gamma, beta = node.inputs[:7]
    assert positions is not None
    place = str(positions.name).removesuffix(".weight")
    rest = _positions(editor, node, positions, place)
    if types is not None and type_table is not None:
        kinds = editor.add(node, "Gather", [type_table, types], str(type_table.name), axis=0)
        rest = editor.add(node, "Add", [kinds, rest], place)
    epsilon = node.attributes.get_float("epsilon", 1e-12)
    norm = ir.node("SkipLayerNormalization", [words, rest, gamma, beta], {"epsilon": epsilon}, domain=CONTRIB)
    return editor.add_node(node, norm, str(gamma.name if gamma else "").removesuffix(".weight"))[0]


def _positions(editor: Editor, node: ir.Node, table: ir.Value, place: str) -> ir.Value:
    """The rows of the position table: (batch, sequence, hidden) at the node's `position_ids`, or without these the
    first ones, (sequence, hidden)."""
    if len(node.inputs) > _POSITION_IDS and node.inputs[_POSITION_IDS] is not None:
        return editor.add(node, "Gather", [table, node.inputs[_POSITION_IDS]], place, axis=0)
    start, one = (editor.constant(f"index_{i}", np.array([i], dtype=np.int64)) for i in (0, 1))
    length = editor.add(node, "Shape", [node.inputs[0]], place, start=1, end=2)
    return editor.add(node, "Slice", [table, start, length, start, one], place)


def _readers(graph: ir.Graph) -> Iterator[tuple[ir.Node, ir.Value, ir.Value]]:
    """(node, table, ids) wherever rows of a float table are looked up by an input of the graph."""
    for node in graph:
        table, ids = {"Gather": (0, 1), _FUSED: (2, 0)}.get(node.op_type, (None, None))
        if table is None or ids is None:
            continue
        value, index = node.inputs[table], node.inputs[ids]
        if value is not None and index is not None and _size(value):
            yield node, value, index


def _size(table: ir.Value) -> int:
    """The elements of a stored float table; 0 for anything else."""
    constant = table.const_value if table.is_initializer() else None
    is_table = constant is not None and constant.dtype is ir.DataType.FLOAT and len(constant.shape) == 2
    return constant.size if constant is not None and is_table else 0
