"""The embeddings, their sum and the LayerNorm after it as one operator of ONNX Runtime."""

from __future__ import annotations

import onnx_ir as ir
from onnxscript.rewriter import pattern

from bert_export.passes.constants import has_rank, produced_by, vector
from bert_export.passes.rules import Context, Operand


def embeddings(op: pattern.OpsetPatternBuilder, ids: Operand, types: Operand, gamma: Operand, beta: Operand) -> Operand:
    """layer_norm((words[ids] + types[types]) + positions)."""
    words = op.Gather(pattern.Var("words"), ids, axis=0)
    total = op.Add(words, op.Gather(pattern.Var("type_table"), types, axis=0))
    total = op.Add(total, pattern.Var("positions"))
    return op.LayerNormalization(total, gamma, beta, axis=-1, _allow_other_attributes=True, _outputs=["norm"])


def untyped(op: pattern.OpsetPatternBuilder, ids: Operand, gamma: Operand, beta: Operand) -> Operand:
    """layer_norm(words[ids] + positions)."""
    total = op.Add(op.Gather(pattern.Var("words"), ids, axis=0), pattern.Var("positions"))
    return op.LayerNormalization(total, gamma, beta, axis=-1, _allow_other_attributes=True, _outputs=["norm"])


def fits(_context: object, ids: ir.Value, positions: ir.Value, types: ir.Value | None = None, **_: ir.Value) -> bool:
    """The operator takes ids, types and positions of the same two axes, or numbers positions from 0."""
    alike = types is None or ids.shape == types.shape
    return has_rank(ids, 2) and alike and position_table(positions, ids) is not None


def position_table(positions: ir.Value, ids: ir.Value) -> tuple[ir.Value, ir.Value | None] | None:
    """(table, places) if `positions` are its rows at `places`, of the shape of `ids`; or (table, None) if they are its
    first rows, as many as `ids` has columns; else None."""
    node = produced_by(positions, "Slice")
    if node is None:
        return _at_places(positions, ids)
    if len(node.inputs) != 5:
        return None
    table, start, end, axis, step = node.inputs
    length = produced_by(end, "Shape")
    counted = length.inputs[0] if length is not None else None
    if table is None or length is None or counted is None or counted.shape is None or ids.shape is None:
        return None
    columns = counted.shape.rank() - 1
    counts_columns = length.attributes.get_int("start", 0) == columns and counted.shape[columns] == ids.shape[1]
    first_rows = (vector(start), vector(axis), vector(step)) == ([0], [0], [1])
    return (table, None) if counts_columns and first_rows else None


def _at_places(positions: ir.Value, ids: ir.Value) -> tuple[ir.Value, ir.Value] | None:
    """Places that are numbered after padding: those of a cache are other numbers for every call."""
    node = produced_by(positions, "Gather")
    table, places = node.inputs if node is not None else (None, None)
    if table is None or places is None or table.const_value is None or places.shape != ids.shape:
        return None
    shifted = produced_by(places, "Add")
    if shifted is None or produced_by(shifted.inputs[0], "Mul") is None:
        return None
    return table, places


def embed_layer_normalization(
    op: Context,
    ids: ir.Value,
    positions: ir.Value,
    norm: ir.Value,
    types: ir.Value | None = None,
    **values: ir.Value,
) -> ir.Value:
    """The operator, which reads int32; its second output is a mask that nothing here uses."""
    node, found = norm.producer(), position_table(positions, ids)
    assert node is not None
    assert found is not None
    table, places = found
    embedded, _ = op.EmbedLayerNormalization(
        op.Cast(ids, to=ir.DataType.INT32),
        None if types is None else op.Cast(types, to=ir.DataType.INT32),
        values["words"],
        table,
        values.get("type_table"),
        values["gamma"],
        values["beta"],
        *(() if places is None else (None, op.Cast(places, to=ir.DataType.INT32))),
        epsilon=node.attributes.get_float("epsilon", 1e-5),
        _domain="com.microsoft",
        _outputs=2,
    )
    result: ir.Value = embedded
    return result


RULES = pattern.RewriteRuleSet(
    [pattern.RewriteRule(each, embed_layer_normalization, fits) for each in (embeddings, untyped)]
)


def fuse_embed_layer_normalization(model: ir.Model) -> int:
    """1 if the embeddings were fused, else 0."""
    return RULES.apply_to_model(model)
