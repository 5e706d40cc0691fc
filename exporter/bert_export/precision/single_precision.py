"""Which nodes of a half precision graph stay in single precision: as few as the parity gate accepts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import onnx_ir as ir

from bert_export.precision.overflow import Feeds, overflowing_nodes

DELICATE = frozenset({"LayerNormalization", "SkipLayerNormalization", "EmbedLayerNormalization", "Softmax"})
"""Operators that add up or exponentiate a whole row: the first to lose digits in half precision."""


@dataclass(frozen=True)
class MixedPrecisionStep:
    """Nodes that stay in single precision: why, and their names."""

    reason: str
    kept: frozenset[str]


def mixed_precision_steps(model: ir.Model, texts: Callable[[], Sequence[Feeds]]) -> Iterator[MixedPrecisionStep]:
    """The choices to try, in order; a later one keeps what the one before it kept.

    Args:
        model: the graph in single precision.
        texts: the graph's inputs for real texts; asked for only where the first choices fail.
    """
    yield MixedPrecisionStep("", frozenset())
    delicate = frozenset(str(node.name) for node in model.graph if node.op_type in DELICATE)
    yield MixedPrecisionStep("normalisation and softmax", delicate)
    overflowing = overflowing_nodes(model, texts())
    if overflowing - delicate:
        yield MixedPrecisionStep("normalisation, softmax, and values beyond 65504", delicate | overflowing)
