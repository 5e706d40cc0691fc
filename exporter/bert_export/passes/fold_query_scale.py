"""The scale of attention inside the query projection: one multiplication less in each layer, and safer in fp16."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from onnxscript.rewriter import pattern

from bert_export.passes.constants import array, has_rank, scalar
from bert_export.passes.rules import Context, Operand


def scaled_projection(
    op: pattern.OpsetPatternBuilder, x: Operand, weight: Operand, bias: Operand, scale: Operand
) -> Operand:
    """(x @ weight + bias) * scale."""
    return op.Mul(op.Add(op.MatMul(x, weight), bias), scale)


def is_foldable(_context: object, weight: ir.Value, bias: ir.Value, scale: ir.Value, **_: ir.Value) -> bool:
    """Weight and bias are constants that nothing else reads, and the scale is one number."""
    constants = array(weight) is not None and array(bias) is not None and scalar(scale) is not None
    return constants and has_rank(weight, 2) and has_rank(bias, 1) and len(weight.uses()) == len(bias.uses()) == 1


def scaled_weights(op: Context, x: ir.Value, weight: ir.Value, bias: ir.Value, scale: ir.Value) -> ir.Value:
    """x @ (weight * scale) + bias * scale."""
    factor = np.asarray(array(scale), dtype=np.float32).reshape(())
    parts = [
        op.initializer(ir.tensor(np.asarray(array(part), dtype=np.float32) * factor), f"{part.name}.scaled")
        for part in (weight, bias)
    ]
    result: ir.Value = op.Add(op.MatMul(x, parts[0]), parts[1])
    return result


RULES = pattern.RewriteRuleSet([pattern.RewriteRule(scaled_projection, scaled_weights, is_foldable)])


def fold_query_scale(model: ir.Model) -> int:
    """The number of layers whose scale was folded."""
    return RULES.apply_to_model(model)
