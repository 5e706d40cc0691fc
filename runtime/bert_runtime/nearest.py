"""Which known word was probably meant by another."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LONGEST = 100
"""A longer word is no slip of the hand."""


def nearest(word: str, known: Iterable[str]) -> str:
    """` (did you mean …?)`, or nothing where no known word is near."""
    close = difflib.get_close_matches(word, list(known), n=1) if len(word) <= _LONGEST else []
    return f" (did you mean {close[0]}?)" if close else ""
