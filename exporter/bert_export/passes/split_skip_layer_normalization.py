"""SkipLayerNormalization as Sum and LayerNormalization, for ONNX Runtime's CPU provider alone.

The fused kernel is not vectorised there, but those of the two operators are: docs/decisions/layer-normalization.md.
It fuses an Add back, but no Sum.
"""

from __future__ import annotations

import onnx_ir as ir

from bert_calibration.edit import Editor
from bert_calibration.targets.cpu_tail import split_norms


def split_skip_layer_normalization(model: ir.Model) -> int:
    """The number of operators that were split."""
    return split_norms(Editor(model))
