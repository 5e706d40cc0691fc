"""Which shared libraries a shared library is linked to, read from its file: nothing is loaded."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_HEADER = struct.Struct("<4sBBB9x HHIQQQIHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_ENTRY = struct.Struct("<qQ")
_LOAD, _DYNAMIC = 1, 2  # kinds of segments
_NEEDED, _STRINGS, _STRINGS_SIZE = 1, 5, 10  # tags of the dynamic section
_LARGEST = 1 << 24
"""More bytes than any dynamic section or its strings have: what a broken file says is not believed."""


def needed(library: Path) -> tuple[str, ...]:
    """The DT_NEEDED names in order, such as `libcudart.so.13`; none for a file that is no 64 bit little-endian ELF.

    System V ABI, chapter 5, "Dynamic Section".
    """
    try:
        with library.open("rb") as file:
            return tuple(_needed(file))
    except (OSError, struct.error, UnicodeDecodeError):
        return ()


def _needed(file: BinaryIO) -> Iterator[str]:
    header = _HEADER.unpack(file.read(_HEADER.size))
    magic, bits, order = header[:3]
    if (magic, bits, order) != (b"\x7fELF", 2, 1):
        return
    table, size, count = header[8], header[12], header[13]
    segments = [_SEGMENT.unpack(_read(file, table + i * size, _SEGMENT.size)) for i in range(count)]
    for kind, _, offset, *_, length, _, _ in segments:
        if kind == _DYNAMIC:
            entries = list(_ENTRY.iter_unpack(_read(file, offset, length - length % _ENTRY.size)))
            values = dict(entries)
            start = _offset(segments, values.get(_STRINGS, 0))
            strings = _read(file, start, values.get(_STRINGS_SIZE, 0))
            for tag, value in entries:
                if tag == _NEEDED and value < len(strings):
                    yield strings[value : strings.index(b"\0", value)].decode("ascii")


def _offset(segments: list[tuple[int, ...]], address: int) -> int:
    """Where in the file the byte lies that is loaded at `address`."""
    for kind, _, offset, start, _, length, _, _ in segments:
        if kind == _LOAD and start <= address < start + length:
            return offset + address - start
    raise struct.error("an address outside the file")


def _read(file: BinaryIO, offset: int, length: int) -> bytes:
    if length > _LARGEST:
        raise struct.error("a section of an impossible size")
    file.seek(offset)
    return file.read(length)
