"""Texts packed with gzip or zstd: read as one stream, written in blocks that can be appended to."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from bert_runtime.errors import InputError, Problem
from bert_runtime.table.extras import pyarrow

LEVEL = 6
"""gzip's own; zstd has its default."""


@contextmanager
def unpacked(stream: BinaryIO, compression: str) -> Iterator[BinaryIO]:
    """What `stream` packs.

    Raises:
        InputError: zstd without pyarrow; while it is read, data that are broken or end too early.
    """
    if not compression:
        yield stream
        return
    opened = gzip.GzipFile(fileobj=stream, mode="rb") if compression == "gzip" else _zstd(stream)
    try:
        yield cast(BinaryIO, opened)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _broken(compression, error) from error
    except OSError as error:
        if error.errno is not None:  # the system's, not pyarrow's
            raise
        raise _broken(compression, error) from error


def packed(block: bytes, compression: str) -> bytes:
    """A block as one member of gzip or one frame of zstd: blocks one after another are the whole, packed."""
    if not compression or not block:
        return block
    if compression == "gzip":
        return gzip.compress(block, LEVEL, mtime=0)
    return bytes(pyarrow(".zst").Codec(compression).compress(block, asbytes=True))


def _zstd(stream: BinaryIO) -> io.BufferedReader:
    arrow = pyarrow(".zst")
    return io.BufferedReader(arrow.CompressedInputStream(arrow.PythonFile(stream, "r"), "zstd"))


def _broken(compression: str, error: Exception) -> InputError:
    return InputError(Problem("foreign-file", "file", f"the file is not whole {compression} ({error}); fetch it again"))
