"""int8 for any engine: uint8 activations with a zero point, as ONNX Runtime takes them, between Q and DQ."""

from __future__ import annotations

from bert_calibration.edit import Editor
from bert_calibration.plans import ACCURACY, PER_TOKEN, PERFORMANCE, Granularity
from bert_calibration.products import QuantizationPoint
from bert_calibration.ranges import Range
from bert_calibration.targets import qdq
from bert_calibration.targets.scheme import Scheme, named


def quantize_point(
    editor: Editor, point: QuantizationPoint, granularity: Granularity, found: Range | None
) -> dict[str, str]:
    """Replace a point's products; product -> the operator that each became."""
    if granularity is not Granularity.STATIC or found is None:
        return qdq.replace_products(editor, point, point.hidden)
    return qdq.replace_products(editor, point, qdq.rounded(editor, point, found))


SCHEME = Scheme(
    plans=named(PERFORMANCE, ACCURACY, PER_TOKEN),
    granularities=frozenset({Granularity.STATIC, Granularity.TOKEN, Granularity.FLOAT}),
    limits="it has static scales, or int8 weights alone",
    quantize_point=quantize_point,
    token_note="where scales are per token, weights alone are int8 and the engine chooses how activations are computed",
)
