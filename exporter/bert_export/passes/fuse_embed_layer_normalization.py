"""The three embeddings, their sum and the LayerNorm after it as one operator of ONNX Runtime."""

from __future__ import annotations

import onnx_ir as ir
from onnxscript.rewriter import pattern

from bert_export.passes.constants import has_rank, produced_by, vector
from bert_export.passes.rules import Context, Operand


def embeddings(op: pattern.OpsetPatternBuilder, ids: Operand, types: Operand, gamma: Operand, beta: Operand) -> Operand:
    """layer_norm((words[ids] + types[types]) + positions[:sequence])."""
    words = op.Gather(pattern.Var("words"), ids, axis=0)
    total = op.Add(words, op.Gather(pattern.Var("type_table"), types, axis=0))
    total = op.Add(total, pattern.Var("positions"))
    return op.LayerNormalization(total, gamma, beta, axis=-1, _allow_other_attributes=True, _outputs=["norm"])


def fits(_context: object, ids: ir.Value, types: ir.Value, positions: ir.Value, **_: ir.Value) -> bool:
    """The operator numbers positions from 0 and takes ids and types of the same two axes."""
    return has_rank(ids, 2) and ids.shape == types.shape and position_table(positions, ids) is not None


def position_table(positions: ir.Value, ids: ir.Value) -> ir.Value | None:
    """The table, if `positions` are its first rows, as many as `ids` has columns; else None."""
    node = produced_by(positions, "Slice")
    if node is None or len(node.inputs) != 5:
        return None
    table, start, end, axis, step = node.inputs
    length = produced_by(end, "Shape")
    counted = length.inputs[0] if length is not None else None
    if length is None or counted is None or counted.shape is None or ids.shape is None:
        return None
    columns = counted.shape.rank() - 1
    counts_columns = length.attributes.get_int("start", 0) == columns and counted.shape[columns] == ids.shape[1]
    first_rows = (vector(start), vector(axis), vector(step)) == ([0], [0], [1])
    return table if counts_columns and first_rows else None


def embed_layer_normalization(
    op: Context, ids: ir.Value, types: ir.Value, positions: ir.Value, norm: ir.Value, **values: ir.Value
) -> ir.Value:
    """The operator, which reads int32; its second output is a mask that nothing here uses."""
    node = norm.producer()
    assert node is not None
    embedded, _ = op.EmbedLayerNormalization(
        op.Cast(ids, to=ir.DataType.INT32),
        op.Cast(types, to=ir.DataType.INT32),
        values["words"],
        position_table(positions, ids),
        values["type_table"],
        values["gamma"],
        values["beta"],
        epsilon=node.attributes.get_float("epsilon", 1e-5),
        _domain="com.microsoft",
        _outputs=2,
    )
    result: ir.Value = embedded
    return result


RULES = pattern.RewriteRuleSet([pattern.RewriteRule(embeddings, embed_layer_normalization, fits)])


def fuse_embed_layer_normalization(model: ir.Model) -> int:
    """1 if the embeddings were fused, else 0."""
    return RULES.apply_to_model(model)
