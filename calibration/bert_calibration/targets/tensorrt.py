"""int8 for TensorRT: symmetric int8 activations and scales of half precision, between Q and DQ."""

from __future__ import annotations

from bert_calibration.edit import Editor
from bert_calibration.plans import STATIC, Form
from bert_calibration.products import Site
from bert_calibration.ranges import Range
from bert_calibration.targets import qdq
from bert_calibration.targets.scheme import Scheme


def quantize_site(editor: Editor, site: Site, form: Form, found: Range | None) -> dict[str, str]:
    """Replace a site's products; product -> the operator that each became."""
    assert found is not None
    return qdq.replace_products(editor, site, qdq.rounded(editor, site, found, is_signed=True), half=True)


SCHEME = Scheme(
    plans={"fast": STATIC, "faithful": STATIC},
    forms=frozenset({Form.STATIC, Form.FLOAT}),
    limits="it takes static scales only: give calibration data",
    quantize_site=quantize_site,
    quantizes_embedding=False,  # TensorRT's integers exist between Q and DQ only
)
