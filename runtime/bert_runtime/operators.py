"""The operators of a bundle's graphs: those that the exporter writes, and no other.

A writer that emits a new operator adds its line here, and runs `python runtime/cpp/tools/make_format_tables.py`. The
exporter reads each bundle that it has written under these rules, so that no export can forget the line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

FUSED_DOMAIN = "com.microsoft"
MOST_NODES = 2**13
"""Nodes of one graph: several times those of 48 layers, unfused."""
MOST_INITIALIZERS = 2**14
FLOATS = frozenset({1, 10, 11, 16})
"""TensorProto.DataType: float, float16, double, bfloat16."""
KINDS = {"f": 1, "i": 2, "s": 3, "t": 4, "ints": 7}
"""AttributeProto.AttributeType of what an attribute may hold: no graph, no sparse tensor, no list of tensors."""

LIKE_ATTRIBUTE = -1
NEVER_FLOAT = -2


@dataclass(frozen=True)
class Operator:
    """What nodes of one operator may be.

    Attributes:
        attributes: `name:kind` of each that it may have, separated by spaces; the kinds are those of KINDS.
        like: the input that its first output has the type of; LIKE_ATTRIBUTE: `to` or `value` says it; or NEVER_FLOAT.
        folds: whether all its inputs may be constant. An engine computes such a node while it loads: what grows a
            tensor, or traps, must not be among them.
        floats_only: whether its first input must be floating-point: integers trap on a division by 0, and INT_MIN / -1.
        on_gpu: whether only a GPU's graphs hold it.
    """

    attributes: str = ""
    like: int = 0
    folds: bool = False
    floats_only: bool = False
    on_gpu: bool = False

    @cached_property
    def kinds(self) -> Mapping[str, int]:
        """Attribute -> AttributeProto.AttributeType."""
        pairs = (pair.split(":") for pair in self.attributes.split())
        return {name: KINDS[kind] for name, kind in pairs}


_ATTENTION = "mask_filter_value:f num_heads:i scale:f"
STANDARD: Mapping[str, Operator] = {
    "Abs": Operator(),
    "Add": Operator(),
    "And": Operator(like=NEVER_FLOAT),
    "Cast": Operator("to:i", like=LIKE_ATTRIBUTE),
    "Clip": Operator(),
    "Concat": Operator("axis:i"),
    "Constant": Operator("value:t value_ints:ints", like=LIKE_ATTRIBUTE, folds=True),
    "ConstantOfShape": Operator("value:t", like=LIKE_ATTRIBUTE),
    "CumSum": Operator("exclusive:i reverse:i"),
    "DequantizeLinear": Operator("axis:i", like=1, folds=True),
    "Div": Operator(floats_only=True),
    "DynamicQuantizeLinear": Operator(like=NEVER_FLOAT),
    "Equal": Operator(like=NEVER_FLOAT),
    "Erf": Operator(),
    "Exp": Operator(),
    "Expand": Operator(),
    "Gather": Operator("axis:i"),
    "GatherElements": Operator("axis:i"),
    "GatherND": Operator("batch_dims:i"),
    "Gelu": Operator("approximate:s"),
    "Gemm": Operator("alpha:f beta:f transA:i transB:i"),
    "Greater": Operator(like=NEVER_FLOAT),
    "HardSwish": Operator(),
    "Identity": Operator(),
    "LayerNormalization": Operator("axis:i epsilon:f stash_type:i"),
    "LeakyRelu": Operator("alpha:f"),
    "LessOrEqual": Operator(like=NEVER_FLOAT),
    "MatMul": Operator(),
    "Max": Operator(),
    "Min": Operator(),
    "Mish": Operator(),
    "Mul": Operator(),
    "Not": Operator(like=NEVER_FLOAT),
    "PRelu": Operator(),
    "Pow": Operator(),
    "QuantizeLinear": Operator("axis:i", like=NEVER_FLOAT),
    "Range": Operator(),
    "ReduceL2": Operator("keepdims:i noop_with_empty_axes:i"),
    "ReduceMax": Operator("keepdims:i noop_with_empty_axes:i"),
    "ReduceSum": Operator("keepdims:i noop_with_empty_axes:i"),
    "Relu": Operator(),
    "Reshape": Operator("allowzero:i"),
    "Shape": Operator("end:i start:i", like=NEVER_FLOAT),
    "Sigmoid": Operator(),
    "Slice": Operator(),
    "Softmax": Operator("axis:i"),
    "Softplus": Operator(),
    "Split": Operator("axis:i num_outputs:i"),
    "Sqrt": Operator(),
    "Squeeze": Operator(),
    "Sub": Operator(),
    "Sum": Operator(),
    "Tanh": Operator(),
    "Transpose": Operator("perm:ints", folds=True),
    "Unsqueeze": Operator(),
    "Where": Operator(like=1),
}
FUSED: Mapping[str, Operator] = {
    "Attention": Operator(_ATTENTION),
    "BiasGelu": Operator(),
    "EmbedLayerNormalization": Operator("epsilon:f", like=2),
    "FastGelu": Operator(),
    "Gelu": Operator(),
    "MatMulIntegerToFloat": Operator(like=2),
    "MultiHeadAttention": Operator(_ATTENTION),
    "PackedAttention": Operator("num_heads:i scale:f", on_gpu=True),
    "QAttention": Operator(_ATTENTION, like=3),
    "QuickGelu": Operator("alpha:f"),
    "RemovePadding": Operator(on_gpu=True),
    "RestorePadding": Operator(on_gpu=True),
    "SkipLayerNormalization": Operator("epsilon:f"),
}
OPERATORS: Mapping[tuple[str, str], Operator] = {
    **{("", name): operator for name, operator in STANDARD.items()},
    **{(FUSED_DOMAIN, name): operator for name, operator in FUSED.items()},
}
