"""Which known word was probably meant by another."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LONGEST = 100
"""A longer word is no slip of the hand."""


_ALIKE = 0.8
"""Of 1: so alike are a word and its misspelling, as difflib counts it; `text_id` and `text_pair` are less alike."""


def nearest(word: str, known: Iterable[str]) -> str:
    """` (did you mean …?)`, or nothing where no known word is near."""
    close = difflib.get_close_matches(word, list(known), n=1) if len(word) <= _LONGEST else []
    return f" (did you mean {close[0]}?)" if close else ""


def misspelt(word: str, known: Iterable[str]) -> str | None:
    """The known word that is almost this one, whatever its case and its separators."""
    if len(word) > _LONGEST:
        return None
    plain = word.casefold().replace("-", "_").replace(" ", "_")
    return next(iter(difflib.get_close_matches(plain, list(known), n=1, cutoff=_ALIKE)), None)
