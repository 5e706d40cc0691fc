"""int8 for any engine: uint8 activations with a zero point, as ONNX Runtime takes them, between Q and DQ."""

from __future__ import annotations

from bert_calibration.edit import Editor
from bert_calibration.plans import FAITHFUL, FAST, PER_TOKEN, Form
from bert_calibration.products import Site
from bert_calibration.ranges import Range
from bert_calibration.targets import qdq
from bert_calibration.targets.scheme import Scheme, named


def quantize_site(editor: Editor, site: Site, form: Form, found: Range | None) -> dict[str, str]:
    """Replace a site's products; product -> the operator that each became."""
    if form is not Form.STATIC or found is None:
        return qdq.replace_products(editor, site, site.hidden)
    return qdq.replace_products(editor, site, qdq.rounded(editor, site, found))


SCHEME = Scheme(
    plans=named(FAST, FAITHFUL, PER_TOKEN),
    forms=frozenset({Form.STATIC, Form.TOKEN, Form.FLOAT}),
    limits="it has static scales, or int8 weights alone",
    quantize_site=quantize_site,
    token_note="where scales are per token, weights alone are int8 and the engine chooses how activations are computed",
)
