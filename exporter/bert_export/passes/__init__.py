"""From a traced graph to the graph of a target: a list of passes, each of which returns a count."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import onnx_ir as ir

from bert_export.errors import OptionError
from bert_export.passes.canonical import canonical
from bert_export.passes.fold import clean, fold
from bert_export.passes.fold_query_scale import fold_query_scale
from bert_export.passes.fuse_attention import fuse_attention
from bert_export.passes.fuse_cached_attention import fuse_cached_attention
from bert_export.passes.fuse_cross_attention import fuse_cross_attention
from bert_export.passes.fuse_embed_layer_normalization import fuse_embed_layer_normalization
from bert_export.passes.fuse_gelu import fuse_gelu
from bert_export.passes.fuse_multi_head_attention import fuse_multi_head_attention
from bert_export.passes.fuse_skip_layer_normalization import fuse_skip_layer_normalization
from bert_export.passes.optional_positions import optional_positions
from bert_export.passes.split_key_transpose import split_key_transpose
from bert_export.passes.split_skip_layer_normalization import split_skip_layer_normalization
from bert_runtime.targets import CPU, CUDA, OPENVINO, PORTABLE, TENSORRT

Pass = Callable[[ir.Model], int]

_FUSING: tuple[Pass, ...] = (
    fuse_attention,
    fuse_multi_head_attention,
    fuse_cached_attention,
    fuse_cross_attention,
    fuse_gelu,
    fuse_skip_layer_normalization,
    fuse_embed_layer_normalization,
)
_TIDYING: tuple[Pass, ...] = (clean, canonical, optional_positions)

_STANDARD: tuple[Pass, ...] = (fold_query_scale, clean, canonical)

PASSES: Mapping[str, tuple[Pass, ...]] = {
    # SkipLayerNormalization is slow on a CPU.
    CPU.name: (*_FUSING, split_skip_layer_normalization, *_TIDYING),
    CUDA.name: (*_FUSING, *_TIDYING),
    TENSORRT.name: _STANDARD,
    # OpenVINO's attention kernel reads keys in this order of axes.
    OPENVINO.name: (fold_query_scale, split_key_transpose, clean, canonical),
    PORTABLE.name: _STANDARD,
}
"""Target -> the passes that make its graph, in order."""


@dataclass(frozen=True)
class FusionReport:
    """What the passes did.

    Attributes:
        target: which list of passes ran.
        counts: pass -> its own count: nodes removed, or subgraphs replaced.
    """

    target: str
    counts: Mapping[str, int]


def optimize(model: ir.Model, target: str) -> FusionReport:
    """Rewrite a traced graph in place for `target`: `fold`, then `fuse`.

    Raises:
        OptionError: the target is unknown.
    """
    fold(model)
    return fuse(model, target)


def fuse(model: ir.Model, target: str) -> FusionReport:
    """Rewrite a folded graph in place for `target`; all targets start from the same.

    Raises:
        OptionError: the target is unknown.
    """
    if target not in PASSES:
        raise OptionError(f"target is {target!r}, expected one of {', '.join(PASSES)}")
    return FusionReport(target, {step.__name__: step(model) for step in PASSES[target]})
