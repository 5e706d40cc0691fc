"""Precompiled character maps, as SentencePiece writes them: the length of a trie, the trie, the texts that it names.

The trie is a double array of 32-bit units (the format of Darts-clone). Here each node has a block of its own: larger
than what SentencePiece writes, and simple.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

BLOCK = 256
HAS_LEAF = 1 << 8
LEAF = 1 << 31


@dataclass
class _Node:
    children: dict[int, _Node] = field(default_factory=dict)
    value: int | None = None


def charsmap(replacements: Mapping[str, str]) -> bytes:
    """The map that replaces each key, none of them empty, by its value.

    Raises:
        ValueError: the trie has more nodes than offsets of 21 bits reach.
    """
    root, texts = _Node(), b""
    for key, text in replacements.items():
        node = root
        for byte in key.encode():
            node = node.children.setdefault(byte, _Node())
        node.value = len(texts)
        texts += text.encode() + b"\0"
    units = _units(root)
    if len(units) >= 1 << 21:
        raise ValueError(f"{len(replacements)} keys are too many")
    return struct.pack("<I", 4 * len(units)) + struct.pack(f"<{len(units)}I", *units) + texts


def _units(root: _Node) -> list[int]:
    units = [0] * BLOCK
    waiting = [(root, 0, 0)]
    while waiting:
        node, at, label = waiting.pop()
        base = len(units)
        units += [0] * BLOCK
        units[at] = (at ^ base) << 10 | label | (HAS_LEAF if node.value is not None else 0)
        if node.value is not None:
            units[base] = node.value | LEAF
        waiting += [(child, base ^ byte, byte) for byte, child in node.children.items()]
    return units
