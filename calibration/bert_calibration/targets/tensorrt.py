"""int8 for TensorRT: symmetric int8 activations and scales of half precision, between Q and DQ."""

from __future__ import annotations

from bert_calibration.edit import Editor
from bert_calibration.plans import STATIC, Granularity
from bert_calibration.products import QuantizationPoint
from bert_calibration.ranges import Range
from bert_calibration.targets import qdq
from bert_calibration.targets.scheme import Scheme


def quantize_point(
    editor: Editor, point: QuantizationPoint, granularity: Granularity, found: Range | None
) -> dict[str, str]:
    """Replace a point's products; product -> the operator that each became."""
    assert found is not None
    return qdq.replace_products(editor, point, qdq.rounded(editor, point, found, is_signed=True), half=True)


SCHEME = Scheme(
    plans={"performance": STATIC, "accuracy": STATIC},
    granularities=frozenset({Granularity.STATIC, Granularity.FLOAT}),
    limits="it takes static scales only: give calibration data",
    quantize_point=quantize_point,
    quantizes_embedding=False,  # TensorRT's integers exist between Q and DQ only
)
