"""Self-attention of a whole layer as ONNX Runtime's Attention: one product for queries, keys and values."""

from __future__ import annotations

import onnx_ir as ir
from onnxscript.rewriter import pattern

from bert_export.passes.attention_pattern import attention_pattern, matched_attention
from bert_export.passes.rules import Context, Operand


def self_attention(op: pattern.OpsetPatternBuilder, hidden: Operand) -> Operand:
    """Queries, keys and values of the same rows."""
    return attention_pattern(op, hidden, hidden)


def is_attention(_context: object, **values: ir.Value) -> bool:
    """Whether the operator computes the same for this match."""
    return matched_attention(values) is not None


def attention(op: Context, hidden: ir.Value, **values: ir.Value) -> ir.Value:
    """The operator, with the raw mask: 1-D mask lengths would be wrong for left padding and holes."""
    match = matched_attention(values)
    assert match is not None
    name = str(values["query_weight"].name).removesuffix(".query.weight")
    result: ir.Value = op.Attention(
        hidden,
        op.initializer(ir.tensor(match.weight), f"{name}.qkv.weight"),
        op.initializer(ir.tensor(match.bias), f"{name}.qkv.bias"),
        op.Cast(match.mask, to=ir.DataType.INT32),
        *(() if match.relative is None else (None, match.relative)),
        num_heads=match.heads,
        scale=match.scale,
        mask_filter_value=match.filter,
        _domain="com.microsoft",
    )
    return result


RULES = pattern.RewriteRuleSet([pattern.RewriteRule(self_attention, attention, is_attention)])


def fuse_attention(model: ir.Model) -> int:
    """The number of layers fused."""
    return RULES.apply_to_model(model)
