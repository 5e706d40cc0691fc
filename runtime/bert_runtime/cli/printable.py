"""Text that others wrote, made safe for a terminal."""

from __future__ import annotations

import unicodedata

_STEERING = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
_JOINER = "\u200d"
"""Part of many emoji, and harmless."""


def printable(text: str) -> str:
    """Text with control characters written as escapes: no text, not even a vocabulary's, steers the terminal."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(char) if unicodedata.category(char) in _STEERING else char for char in text)


def _escaped(char: str) -> str:
    return char if char == _JOINER else char.encode("unicode_escape").decode("ascii")
