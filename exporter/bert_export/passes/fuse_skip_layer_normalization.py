"""A dense layer's bias, the residual and the LayerNorm after it as one operator of ONNX Runtime."""

from __future__ import annotations

import onnx_ir as ir
from onnxscript.rewriter import pattern

from bert_export.passes.constants import has_rank
from bert_export.passes.rules import Context, Operand


def residual_norm(
    op: pattern.OpsetPatternBuilder, x: Operand, bias: Operand, skip: Operand, gamma: Operand, beta: Operand
) -> Operand:
    """layer_norm((x + bias) + skip) * gamma + beta, over the last axis."""
    total = op.Add(op.Add(x, bias), skip)
    return op.LayerNormalization(total, gamma, beta, axis=-1, _allow_other_attributes=True, _outputs=["norm"])


def fits(_context: object, x: ir.Value, bias: ir.Value, skip: ir.Value, **_: ir.Value) -> bool:
    """The operator adds a vector and a residual of the same three axes, and broadcasts nothing."""
    flat = has_rank(bias, 1) and bias.const_value is not None
    return flat and has_rank(x, 3) and x.shape == skip.shape


def skip_layer_normalization(
    op: Context, x: ir.Value, bias: ir.Value, skip: ir.Value, norm: ir.Value, **values: ir.Value
) -> ir.Value:
    """The operator; its other three outputs are for training."""
    node = norm.producer()
    assert node is not None
    result: ir.Value = op.SkipLayerNormalization(
        x,
        skip,
        values["gamma"],
        values["beta"],
        bias,
        epsilon=node.attributes.get_float("epsilon", 1e-5),
        _domain="com.microsoft",
    )
    return result


RULES = pattern.RewriteRuleSet([pattern.RewriteRule(residual_norm, skip_layer_normalization, fits)])


def fuse_skip_layer_normalization(model: ir.Model) -> int:
    """The number of residuals fused: two for each layer of BERT."""
    return RULES.apply_to_model(model)
