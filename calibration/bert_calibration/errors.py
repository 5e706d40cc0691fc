"""What can go wrong between a verified graph and an int8 one. Messages say got, expected and what to do."""

from __future__ import annotations

from bert_runtime.errors import BertError


class CalibrationError(BertError):
    """Calibration data, or a file of ranges, that no scale can be taken from."""


class QuantizationError(BertError):
    """A graph that cannot be quantised as promised: a product is missing, or the target has no such form."""
