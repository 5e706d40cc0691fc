"""A text in lower case, and where each of its characters came from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]


def lower_case(text: str) -> tuple[str, IntArray | None]:
    """`text` by Unicode's full mapping with its rule for the final sigma, as `str.lower` does.

    Returns:
        The lower-cased text, and for each of its characters the place of the original one: int64 of shape
        (characters,), or None where both texts have the same places. Only U+0130 becomes two characters.
    """
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered, None
    lengths = [len(character.lower()) for character in text]
    return lowered, np.repeat(np.arange(len(text), dtype=np.int64), lengths)


def original_offsets(offsets: IntArray, origins: IntArray) -> IntArray:
    """Offsets in the original text, int64 of shape (pieces, 2): `offsets` are those of the lower-cased one, and
    `origins` is what `lower_case` gave. A piece that has a part of a character has all of it."""
    found = np.empty_like(offsets)
    found[:, 0] = origins[offsets[:, 0]]
    found[:, 1] = origins[offsets[:, 1] - 1] + 1
    return found
