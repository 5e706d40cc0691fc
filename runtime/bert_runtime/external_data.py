"""Tensors whose bytes lie in another file: what an ONNX file may say of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bert_runtime.errors import BundleError

KEYS = ("location", "offset", "length")
"""An engine may know more, such as ONNX Runtime's prepacked weights at places of their own: no writer here has them."""


@dataclass(frozen=True)
class ExternalData:
    """A tensor whose bytes [offset, offset + length) lie in the file `location`; a length of None runs to its end."""

    tensor: str
    location: str
    offset: int
    length: int | None


def external_data(name: str, entries: Sequence[tuple[str, str]]) -> ExternalData:
    """What the keys and values of a tensor's external data say.

    Raises:
        BundleError: a key stands twice or is unknown, or its value is no number.
    """
    values = dict(entries)
    if len(values) < len(entries):
        raise BundleError(f"gives the external data of tensor {name!r:.80} twice")
    for key in sorted(values.keys() - set(KEYS)):
        raise BundleError(
            f"gives {key!r:.40} for the external data of tensor {name!r:.80}, expected only {', '.join(KEYS)}"
        )
    numbers = {key: values.get(key, "0") for key in ("offset", "length")}
    for key, text in numbers.items():
        if not (text.isascii() and text.isdigit() and len(text) <= 19):
            raise BundleError(
                f"gives {text!r:.40} as {key} of the external data of tensor {name!r:.80}, expected a number"
            )
    length = int(numbers["length"]) if "length" in values else None
    return ExternalData(name, values.get("location", ""), int(numbers["offset"]), length)
