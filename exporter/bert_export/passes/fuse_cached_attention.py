"""Attention to a cache and to the new tokens as ONNX Runtime's MultiHeadAttention, which also extends the cache."""

from __future__ import annotations

import onnx_ir as ir
from onnxscript.rewriter import pattern

from bert_export.passes.attention_pattern import dense_layers, head_count, projection, split
from bert_export.passes.constants import has_rank, scalar
from bert_export.passes.rules import Context, Operand


def cached_attention(
    op: pattern.OpsetPatternBuilder, rows: Operand, hidden: Operand, past_key: Operand, past_value: Operand
) -> tuple[Operand, Operand, Operand]:
    """Queries of `rows`; keys and values of the cache and of `hidden`; the attended rows and the cache of both."""
    scaled = op.Mul(projection(op, rows, "query"), pattern.Var("scale"))
    query = op.Transpose(split(op, scaled, "query"), perm=[0, 2, 1, 3])
    new_key = op.Transpose(split(op, projection(op, hidden, "key"), "key"), perm=[0, 2, 1, 3])
    new_value = op.Transpose(split(op, projection(op, hidden, "value"), "value"), perm=[0, 2, 1, 3])
    key = op.Concat(past_key, new_key, axis=2, _outputs=["present_key"])
    value = op.Concat(past_value, new_value, axis=2, _outputs=["present_value"])
    scores = op.Add(op.MatMul(query, op.Transpose(key, perm=[0, 1, 3, 2])), pattern.Var("bias"))
    attended = op.Transpose(op.MatMul(op.Softmax(scores, axis=-1), value), perm=[0, 2, 1, 3])
    return op.Reshape(attended, pattern.ANY_VALUE, _outputs=["joined"]), key, value


def is_cached_attention(_context: object, rows: ir.Value, **values: ir.Value) -> bool:
    """Whether the operator computes the same: it broadcasts the bias over the heads alone."""
    heads, bias, past = head_count(values), values["bias"], values["past_key"]
    if heads is None or scalar(values["scale"]) is None or dense_layers(values) is None:
        return False
    if rows.shape is None or bias.shape is None or past.shape is None:
        return False
    if not (has_rank(rows, 3) and has_rank(bias, 4) and has_rank(past, 4)):
        return False
    return bool(bias.shape[1] == 1 and bias.shape[2] == rows.shape[1] and past.shape[1] == heads)


def multi_head_attention(
    op: Context, rows: ir.Value, hidden: ir.Value, past_key: ir.Value, past_value: ir.Value, **values: ir.Value
) -> tuple[ir.Value, ...]:
    """The operator after three projections, whose biases it adds."""
    projections = dense_layers(values)
    assert projections is not None
    name = str(values["query_weight"].name).removesuffix(".query.weight")
    made: tuple[ir.Value, ...] = op.MultiHeadAttention(
        op.MatMul(rows, values["query_weight"]),
        op.MatMul(hidden, values["key_weight"]),
        op.MatMul(hidden, values["value_weight"]),
        op.initializer(ir.tensor(projections[1]), f"{name}.qkv.bias"),
        None,
        values["bias"],
        past_key,
        past_value,
        num_heads=head_count(values),
        scale=scalar(values["scale"]),
        _domain="com.microsoft",
        _outputs=3,
    )
    return made


RULES = pattern.RewriteRuleSet([pattern.RewriteRule(cached_attention, multi_head_attention, is_cached_attention)])


def fuse_cached_attention(model: ir.Model) -> int:
    """The number of layers fused."""
    return RULES.apply_to_model(model)
