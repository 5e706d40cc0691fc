"""Attention to an encoder's keys and values, computed before, as ONNX Runtime's MultiHeadAttention."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from onnxscript.rewriter import pattern

from bert_export.passes.attention_pattern import has_width, padding_mask, projection, split
from bert_export.passes.constants import array, has_rank, scalar
from bert_export.passes.rules import Context, Operand


def cross_attention(
    op: pattern.OpsetPatternBuilder, rows: Operand, key: Operand, value: Operand, rows_shape: Operand
) -> Operand:
    """Queries of `rows`, those that share a source side by side; keys and values (sources, heads, source, size)."""
    scaled = op.Mul(projection(op, rows, "query"), pattern.Var("scale"))
    query = op.Transpose(split(op, scaled, "query"), perm=[0, 2, 1, 3])
    scores = op.Add(op.MatMul(query, op.Transpose(key, perm=[0, 1, 3, 2])), pattern.Var("bias"))
    attended = op.Transpose(op.MatMul(op.Softmax(scores, axis=-1), value), perm=[0, 2, 1, 3])
    return op.Reshape(attended, rows_shape, _outputs=["joined"])


def is_cross_attention(_context: object, key: ir.Value, value: ir.Value, **values: ir.Value) -> bool:
    """Whether the operator computes the same: one query weight, heads of one size, a mask of the source alone."""
    query, mask = values["query_heads"], padding_mask(values["bias"])
    weight, bias = array(values["query_weight"]), array(values["query_bias"])
    if mask is None or scalar(values["scale"]) is None or weight is None or bias is None:
        return False
    if weight.ndim != 2 or bias.ndim != 1 or not has_width(values["joined"], values["query_weight"]):
        return False
    if not (has_rank(query, 4) and has_rank(key, 4) and has_rank(value, 4) and has_rank(mask[0], 2)):
        return False
    assert query.shape is not None
    assert key.shape is not None
    assert mask[0].shape is not None
    alike = key.shape == value.shape and [key.shape[0], key.shape[2]] == list(mask[0].shape)
    return alike and isinstance(key.shape[1], int) and list(query.shape)[2:] == [key.shape[1], key.shape[3]]


def multi_head_attention(
    op: Context, rows: ir.Value, key: ir.Value, value: ir.Value, rows_shape: ir.Value, **values: ir.Value
) -> ir.Value:
    """The operator between two changes of shape: it wants as many rows of queries as of keys.

    It adds the queries' bias; of keys and values that come with their heads apart it takes none, so those are zero.
    """
    mask = padding_mask(values["bias"])
    bias = array(values["query_bias"])
    assert mask is not None
    assert bias is not None
    assert key.shape is not None
    name = str(values["query_weight"].name).removesuffix(".query.weight")
    own = ir.tensor(np.concatenate([bias, np.zeros(2 * len(bias), bias.dtype)]), name=f"{name}.query_only.bias")
    sources = op.Concat(op.Shape(mask[0], start=0, end=1), op.Constant(value_ints=[-1, len(bias)]), axis=0)
    attended = op.MultiHeadAttention(
        op.Reshape(op.MatMul(rows, values["query_weight"]), sources),
        key,
        value,
        op.initializer(own),
        op.Cast(mask[0], to=ir.DataType.INT32),
        num_heads=key.shape[1],
        scale=scalar(values["scale"]),
        mask_filter_value=mask[1],
        _domain="com.microsoft",
    )
    result: ir.Value = op.Reshape(attended, rows_shape)
    return result


RULES = pattern.RewriteRuleSet([pattern.RewriteRule(cross_attention, multi_head_attention, is_cross_attention)])


def fuse_cross_attention(model: ir.Model) -> int:
    """The number of layers fused."""
    return RULES.apply_to_model(model)
