"""Precompiled character maps, as SentencePiece writes them: checked so that no lookup leaves them."""

from __future__ import annotations

import base64
import binascii

import numpy as np
from numpy.typing import NDArray

LEAF = 1 << 31
HAS_LEAF = 1 << 8
IS_FAR = 1 << 9
Units = NDArray[np.int64]


def longest_text(encoded: str, most: int) -> int | None:
    """The bytes of the longest text that a map in base64 puts in place of something.

    None, where it is no map: no canonical base64, a trie whose edges or leaves point beyond it, a text that is no
    UTF-8, begins inside a character, or has more than `most` bytes. The trie is a double array (Darts-clone): a unit
    that is no leaf has its edges within the 256 units that its offset names.
    """
    content = _decoded(encoded)
    if content is None or len(content) < 4:
        return None
    size = int.from_bytes(content[:4], "little")
    if size == 0 or size % 4 or size > len(content) - 4:
        return None
    units = np.frombuffer(content, "<u4", size // 4, 4).astype(np.int64)
    texts = content[4 + size :]
    leaves = _leaves(units)
    if leaves is None or not _is_utf8(texts):
        return None
    return _longest(leaves, texts, most)


def _decoded(encoded: str) -> bytes | None:
    try:
        content = base64.b64decode(encoded.encode(), validate=True)
    except binascii.Error:
        return None
    return content if base64.b64encode(content) == encoded.encode() else None


def _is_utf8(texts: bytes) -> bool:
    try:
        texts.decode()
    except UnicodeDecodeError:
        return False
    return True


def _leaves(units: Units) -> Units | None:
    """The places of texts that units name; None where a unit points beyond the trie."""
    if units[0] & LEAF:
        return None
    places = np.flatnonzero((units & LEAF) == 0)
    nodes = units[places]
    bases = places ^ (nodes >> 10 << ((nodes & IS_FAR) >> 6))
    if (bases | 0xFF).max() >= len(units):
        return None
    leaves: Units = units[bases[(nodes & HAS_LEAF) != 0]] & ~LEAF
    return leaves


def _longest(leaves: Units, texts: bytes, most: int) -> int | None:
    """The longest of the texts that begin there, each up to the next 0; None where one is none, or too long."""
    if not len(leaves):
        return 0
    letters = np.frombuffer(texts, np.uint8)
    if leaves.max() >= len(letters) or ((letters[leaves] & 0xC0) == 0x80).any():
        return None
    ends = np.append(np.flatnonzero(letters == 0), len(letters))
    longest = int((ends[np.searchsorted(ends, leaves)] - leaves).max())
    return longest if longest <= most else None
