"""A stranger's words in one of our sentences: bounded, and harmless to a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

SHOWN = 20  # names in one sentence


def printable(text: str, limit: int) -> str:
    """Control characters escaped, and the middle left out beyond `limit` characters."""
    half = limit // 2 - 2
    cut = text if len(text) <= limit else f"{text[:half]} … {text[-half:]}"
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in cut)


def listed(names: Iterable[str], limit: int = SHOWN) -> str:
    """The first `limit` names, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(printable(name, 100) for name in islice(names, limit)) + more
