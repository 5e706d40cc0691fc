"""Texts in UTF-16, as spreadsheets on Windows save them: read as UTF-8."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, cast

from bert_runtime.errors import InputError, Problem

if TYPE_CHECKING:
    from typing_extensions import Buffer  # collections.abc has it from Python 3.12

UTF_16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
"""The byte order mark that a file begins with, and what it is then."""

UTF_32 = codecs.BOM_UTF32_LE
"""It begins as UTF-16 does."""

_CHUNK = 2**16


@contextmanager
def in_utf8(stream: io.BufferedReader) -> Iterator[io.BufferedReader]:
    """The text in UTF-8, where it begins with a byte order mark of UTF-16; else the stream itself.

    Raises:
        InputError: while it is read, half a character at its end.
    """
    start = stream.peek(4)
    encoding = None if start.startswith(UTF_32) else UTF_16.get(bytes(start[:2]))
    if encoding is None:
        yield stream
        return
    transcoded = cast(io.BufferedReader, io.BufferedReader(_Transcoded(stream, encoding), _CHUNK))
    with transcoded:
        yield transcoded


def buffered(stream: BinaryIO) -> io.BufferedReader:
    """A stream that shows what comes next."""
    return cast(io.BufferedReader, stream if hasattr(stream, "peek") else io.BufferedReader(cast(io.RawIOBase, stream)))


class _Transcoded(io.RawIOBase):
    """The bytes of a text in UTF-8 that another stream holds in UTF-16. Half a surrogate pair stays as bytes that are
    not UTF-8, which spoil their own row alone."""

    def __init__(self, stream: io.BufferedReader, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
        self._waiting = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        view = memoryview(buffer)
        while not self._waiting:
            block = self._stream.read1(_CHUNK)
            self._waiting = self._decoded(block).encode("utf-8", "surrogatepass")
            if not block:
                break
        count = min(len(view), len(self._waiting))
        view[:count] = self._waiting[:count]
        self._waiting = self._waiting[count:]
        return count

    def _decoded(self, block: bytes) -> str:
        try:
            return self._decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            message = f"the file in UTF-16 ends within a character ({error.reason}); save it again, best as UTF-8"
            raise InputError(Problem("foreign-file", "file", message)) from error
