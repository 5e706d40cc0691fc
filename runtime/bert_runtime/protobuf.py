"""The wire format of protocol buffers, read without a schema: enough to look into an ONNX file before an engine does.

The format is that of https://protobuf.dev/programming-guides/encoding. Payloads are skipped, not copied, so that a file
of gigabytes costs as little as the number of its fields.
"""

from __future__ import annotations

import mmap
from collections.abc import Collection, Iterator
from typing import NamedTuple

from bert_runtime.errors import BundleError

Buffer = bytes | mmap.mmap

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MAX_FIELDS = 2**20
MAX_STRING = 2**16
_MASK64 = 2**64 - 1


class Span(NamedTuple):
    """The bytes [start, stop) of a file: a message, or a string. A tuple, for a graph has tens of thousands."""

    start: int
    stop: int


Value = int | Span


class Wire:
    """One file's bytes. It counts the fields that are read: a file made of empty fields must not take for ever."""

    def __init__(self, buffer: Buffer) -> None:
        self._buffer = buffer
        self._left = MAX_FIELDS
        self.whole = Span(0, len(buffer))

    def fields(self, message: Span, wanted: Collection[int]) -> Iterator[tuple[int, Value]]:
        """(number, value) of each varint or length-delimited field of a message whose number is wanted.

        Raises:
            BundleError: the message is cut off, is no protocol buffer, or makes the file exceed `MAX_FIELDS`.
        """
        place = message.start
        while place < message.stop:
            self._left -= 1
            if self._left < 0:
                raise BundleError(f"has more than {MAX_FIELDS} fields, expected the graph of a BERT model")
            tag, place = self._varint(place, message.stop)
            number, kind = tag >> 3, tag & 7
            if kind == BYTES:
                length, start = self._varint(place, message.stop)
                place = self._end(start, length, message.stop)
                if number in wanted:
                    yield number, Span(start, place)
            elif kind == VARINT:
                value, place = self._varint(place, message.stop)
                if number in wanted:
                    yield number, value
            elif kind in (FIXED32, FIXED64):
                place = self._end(place, 4 if kind == FIXED32 else 8, message.stop)
            else:
                raise BundleError(f"is no protocol buffer: wire type {kind} at byte {place}, expected 0, 1, 2 or 5")

    def text(self, value: Value) -> str:
        """A string field.

        Raises:
            BundleError: it is no UTF-8, or too long for a name.
        """
        if isinstance(value, int):
            raise BundleError("is no protocol buffer of ONNX: a number where a string belongs")
        if value.stop - value.start > MAX_STRING:
            raise BundleError(f"has a name of {value.stop - value.start} bytes, expected at most {MAX_STRING}")
        try:
            return bytes(self._buffer[value.start : value.stop]).decode("utf-8")
        except UnicodeDecodeError as error:
            raise BundleError(f"has a name that is no UTF-8 at byte {value.start + error.start}") from error

    def _varint(self, place: int, stop: int) -> tuple[int, int]:
        """A number of 7 bits a byte, least significant first, and the place after it."""
        if place < stop and (byte := self._buffer[place]) < 0x80:  # most numbers have one byte
            return byte, place + 1
        result = 0
        for i in range(10):
            if place + i >= stop:
                raise BundleError(f"is cut off or damaged: the number at byte {place} does not end in its message")
            byte = self._buffer[place + i]
            result |= (byte & 0x7F) << (7 * i)
            if byte < 0x80:
                return result & _MASK64, place + i + 1
        raise BundleError(f"is no protocol buffer: the number at byte {place} has more than 10 bytes")

    def _end(self, start: int, length: int, stop: int) -> int:
        if length > stop - start:
            raise BundleError(
                f"is cut off or damaged: a field at byte {start} has {length} bytes, {stop - start} are left"
            )
        return start + length
