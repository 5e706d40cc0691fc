"""Attention as the backbone spells it, for the fusions that replace it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir
from onnxscript.rewriter import pattern

from bert_export.passes.constants import array, has_rank, produced_by, scalar, vector
from bert_export.passes.rules import Operand


def attention_pattern(op: pattern.OpsetPatternBuilder, rows: Operand, hidden: Operand) -> Operand:
    """softmax(query * scale @ key.T + bias) @ value, with queries of `rows`, keys and values of `hidden`."""
    scaled = op.Mul(projection(op, rows, "query"), pattern.Var("scale"))
    query = op.Transpose(split(op, scaled, "query"), perm=[0, 2, 1, 3])
    key = op.Transpose(split(op, projection(op, hidden, "key"), "key"), perm=[0, 2, 3, 1])
    value = op.Transpose(split(op, projection(op, hidden, "value"), "value"), perm=[0, 2, 1, 3])
    weights = op.Softmax(op.Add(op.MatMul(query, key), pattern.Var("bias")), axis=-1)
    attended = op.Transpose(op.MatMul(weights, value), perm=[0, 2, 1, 3])
    return op.Reshape(attended, pattern.ANY_VALUE, _outputs=["joined"])


def projection(op: pattern.OpsetPatternBuilder, source: Operand, part: str) -> Operand:
    """A dense layer."""
    return op.Add(op.MatMul(source, pattern.Var(f"{part}_weight")), pattern.Var(f"{part}_bias"))


def split(op: pattern.OpsetPatternBuilder, projected: Operand, part: str) -> Operand:
    """(batch, rows, hidden) to (batch, rows, heads, size)."""
    return op.Reshape(projected, pattern.ANY_VALUE, _outputs=[f"{part}_heads"])


@dataclass(frozen=True)
class MatchedAttention:
    """What a fused operator needs to know of a match.

    Attributes:
        weight: float (hidden, 3 * hidden): the query, key and value projections side by side.
        bias: float (3 * hidden,), in the same order.
        heads: the number of heads.
        scale: what the queries are multiplied with.
        mask: int64 (batch, sequence), 0 for padding.
        filter: what is added to the score of padding.
        relative: what else is added to scores, float (batch or 1, heads or 1, rows, sequence); None where nothing is.
    """

    weight: np.ndarray[Any, Any]
    bias: np.ndarray[Any, Any]
    heads: int
    scale: float
    mask: ir.Value
    filter: float
    relative: ir.Value | None = None


def matched_attention(values: dict[str, ir.Value]) -> MatchedAttention | None:
    """The match, if every part of it is what the fused operators of ONNX Runtime compute; else None."""
    projections = dense_layers(values)
    heads = head_count(values)
    scale = scalar(values["scale"])
    relative, hiding = relative_bias(values["bias"])
    padding = padding_mask(hiding)
    if projections is None or heads is None or scale is None or padding is None:
        return None
    return MatchedAttention(*projections, heads, scale, *padding, relative)


def relative_bias(bias: ir.Value) -> tuple[ir.Value | None, ir.Value]:
    """(relative, hiding) if `bias` is the sum of one that hides padding and another; else (None, bias)."""
    total = produced_by(bias, "Add")
    hiding, relative = total.inputs if total is not None else (None, None)
    if hiding is None or relative is None or produced_by(hiding, "Unsqueeze") is None or not has_rank(relative, 4):
        return None, bias
    return relative, hiding


def dense_layers(values: dict[str, ir.Value]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]] | None:
    """The weights (hidden, 3 * hidden) and biases (3 * hidden,) of query, key and value, if they are constants."""
    weights = [array(values[f"{part}_weight"]) for part in ("query", "key", "value")]
    biases = [array(values[f"{part}_bias"]) for part in ("query", "key", "value")]
    square = [
        weight for weight in weights if weight is not None and weight.ndim == 2 and weight.shape == weight.shape[::-1]
    ]
    flat = [bias for bias in biases if bias is not None and bias.ndim == 1]
    if len(square) != 3 or len(flat) != 3:
        return None
    return np.concatenate(square, axis=1), np.concatenate(flat)


def head_count(values: dict[str, ir.Value]) -> int | None:
    """The number of heads, if query, key and value are all split into equally many of equal size."""
    shapes = [values[f"{part}_heads"].shape for part in ("query", "key", "value")]
    splits = {tuple(shape)[2:] for shape in shapes if shape is not None and shape.rank() == 4}
    if (
        len(splits) != 1
        or any(shape is None for shape in shapes)
        or not has_width(values["joined"], values["query_weight"])
    ):
        return None
    heads = splits.pop()[0]
    return heads if isinstance(heads, int) else None


def has_width(joined: ir.Value, weight: ir.Value) -> bool:
    """Whether the heads are joined again into rows as wide as the projections."""
    shape, width = joined.shape, weight.shape
    return shape is not None and width is not None and shape.rank() == 3 and shape[2] == width[-1]


def padding_mask(bias: ir.Value) -> tuple[ir.Value, float] | None:
    """(mask, filter) if `bias` is what `mask_bias` makes: unsqueeze(where(mask == 0, filter, 0)); else None."""
    unsqueeze = produced_by(bias, "Unsqueeze")
    where = produced_by(unsqueeze.inputs[0], "Where") if unsqueeze is not None else None
    equal = produced_by(where.inputs[0], "Equal") if where is not None else None
    if unsqueeze is None or where is None or equal is None or vector(unsqueeze.inputs[1]) != [1, 2]:
        return None
    mask, lowest = equal.inputs[0], scalar(where.inputs[1])
    if mask is None or lowest is None or scalar(where.inputs[2]) != 0.0 or scalar(equal.inputs[1]) != 0.0:
        return None
    return mask, lowest
