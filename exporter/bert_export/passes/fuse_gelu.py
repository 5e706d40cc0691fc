"""A dense layer's bias and its activation as one operator of ONNX Runtime."""

from __future__ import annotations

import math

import onnx_ir as ir
from onnxscript.rewriter import pattern

from bert_export.passes.constants import has_rank, scalar
from bert_export.passes.rules import Context, Operand

QUICK = 1.702


def bias_then_gelu(op: pattern.OpsetPatternBuilder, x: Operand, bias: Operand) -> Operand:
    """gelu(x + bias), exact or with tanh."""
    return op.Gelu(op.Add(x, bias), _outputs=["gelu"])


def has_flat_bias(_context: object, bias: ir.Value, **_: ir.Value) -> bool:
    """The fused operators add a vector, nothing else."""
    return has_rank(bias, 1) and bias.const_value is not None


def bias_gelu(op: Context, x: ir.Value, bias: ir.Value, gelu: ir.Value) -> ir.Value:
    """BiasGelu for the exact function, FastGelu for its tanh approximation."""
    node = gelu.producer()
    assert node is not None
    tanh = node.attributes.get_string("approximate", "none") == "tanh"
    fused = op.FastGelu if tanh else op.BiasGelu
    result: ir.Value = fused(x, bias, _domain="com.microsoft")
    return result


def sigmoid_gelu(op: pattern.OpsetPatternBuilder, x: Operand, alpha: Operand) -> Operand:
    """x * sigmoid(alpha * x), as `quick_gelu` traces."""
    return op.Mul(x, op.Sigmoid(op.Mul(x, alpha)))


def is_quick(_context: object, alpha: ir.Value, **_: ir.Value) -> bool:
    """SiLU and others have the same form with another alpha; only Gelu's is expected here."""
    factor = scalar(alpha)
    return factor is not None and math.isclose(factor, QUICK, rel_tol=1e-6)


def quick_gelu(op: Context, x: ir.Value, alpha: ir.Value) -> ir.Value:
    """QuickGelu: the bias stays a node of its own."""
    result: ir.Value = op.QuickGelu(x, alpha=scalar(alpha), _domain="com.microsoft")
    return result


RULES = pattern.RewriteRuleSet(
    [
        pattern.RewriteRule(bias_then_gelu, bias_gelu, has_flat_bias),
        pattern.RewriteRule(sigmoid_gelu, quick_gelu, is_quick),
    ]
)


def fuse_gelu(model: ir.Model) -> int:
    """The number of activations fused."""
    return RULES.apply_to_model(model)
