"""Attention of some rows to all rows as ONNX Runtime's MultiHeadAttention: the last layer of a rewritten head."""

from __future__ import annotations

import onnx_ir as ir
from onnxscript.rewriter import pattern

from bert_export.passes.attention_pattern import attention_pattern, matched_attention
from bert_export.passes.rules import Context, Operand


def rows_attention(op: pattern.OpsetPatternBuilder, rows: Operand, hidden: Operand) -> Operand:
    """Queries of `rows`, keys and values of `hidden`."""
    return attention_pattern(op, rows, hidden)


def is_multi_head_attention(_context: object, **values: ir.Value) -> bool:
    """Whether the operator computes the same for this match."""
    return matched_attention(values) is not None


def multi_head_attention(op: Context, rows: ir.Value, hidden: ir.Value, **values: ir.Value) -> ir.Value:
    """The operator after three projections, whose biases it adds."""
    match = matched_attention(values)
    assert match is not None
    name = str(values["query_weight"].name).removesuffix(".query.weight")
    result: ir.Value = op.MultiHeadAttention(
        op.MatMul(rows, values["query_weight"]),
        op.MatMul(hidden, values["key_weight"]),
        op.MatMul(hidden, values["value_weight"]),
        op.initializer(ir.tensor(match.bias), f"{name}.qkv.bias"),
        op.Cast(match.mask, to=ir.DataType.INT32),
        *(() if match.relative is None else (match.relative,)),
        num_heads=match.heads,
        scale=match.scale,
        mask_filter_value=match.filter,
        _domain="com.microsoft",
    )
    return result


RULES = pattern.RewriteRuleSet([pattern.RewriteRule(rows_attention, multi_head_attention, is_multi_head_attention)])


def fuse_multi_head_attention(model: ir.Model) -> int:
    """The number of layers fused; run it after `fuse_attention`, which does better where both fit."""
    return RULES.apply_to_model(model)
