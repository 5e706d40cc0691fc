"""Files in Parquet and Arrow IPC, as record batches."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

from bert_runtime.errors import InputError, Problem
from bert_runtime.table.extras import parquet, pyarrow

BATCH = 1024
"""Rows that are read at once."""

_SPOOLED = 2**26
"""Bytes of a stream without a position that are kept in memory; more go to a temporary file."""


@contextmanager
def opened_arrow(stream: BinaryIO, file_format: str) -> Iterator[ArrowFile]:
    """A file in Parquet or Arrow IPC; a stream that has no position is copied first.

    Raises:
        InputError: it is no such file, or pyarrow is missing.
    """
    arrow = pyarrow()
    with tempfile.SpooledTemporaryFile(_SPOOLED) as spool:
        if not stream.seekable():
            while part := stream.read(2**20):
                spool.write(part)
            spool.seek(0)
        source: Any = stream if stream.seekable() else spool
        try:
            yield ParquetRows(source) if file_format == "parquet" else _arrow_file(source)
        except (arrow.ArrowInvalid, arrow.ArrowNotImplementedError, arrow.ArrowIOError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            message = f"the file is no whole {file_format} ({str(error).splitlines()[0]}); write it again"
            raise InputError(Problem("foreign-file", "file", message)) from error


class ArrowFile:
    """What both kinds of files have: a schema, a number of rows where it is known, and batches from any row on."""

    schema: Any
    rows: int | None

    def batches(self, skip: int) -> Iterator[Any]:
        """The record batches after `skip` rows."""
        raise NotImplementedError


class ParquetRows(ArrowFile):
    """A Parquet file."""

    def __init__(self, stream: Any) -> None:
        self._file = parquet().ParquetFile(stream)
        self.schema = self._file.schema_arrow
        self.rows = int(self._file.metadata.num_rows)

    def batches(self, skip: int) -> Iterator[Any]:
        """See ArrowFile; whole row groups are left out unread."""
        groups: list[int] = []
        for group in range(self._file.metadata.num_row_groups):
            rows = self._file.metadata.row_group(group).num_rows
            if not groups and skip >= rows:
                skip -= rows
            else:
                groups.append(group)
        if groups:
            yield from _after(self._file.iter_batches(BATCH, row_groups=groups), skip)


class IpcRows(ArrowFile):
    """An Arrow IPC file or stream."""

    def __init__(self, schema: Any, batches: Iterator[Any]) -> None:
        self.schema, self.rows, self._batches = schema, None, batches

    def batches(self, skip: int) -> Iterator[Any]:
        """See ArrowFile."""
        small = (batch.slice(start, BATCH) for batch in self._batches for start in range(0, batch.num_rows, BATCH))
        return _after(small, skip)


def _arrow_file(stream: Any) -> IpcRows:
    ipc = pyarrow().ipc
    start = stream.read(6)
    stream.seek(0)
    if start == b"ARROW1":
        file = ipc.open_file(stream)
        return IpcRows(file.schema, (file.get_batch(i) for i in range(file.num_record_batches)))
    opened = ipc.open_stream(stream)
    return IpcRows(opened.schema, iter(opened))


def _after(batches: Iterator[Any], skip: int) -> Iterator[Any]:
    for batch in batches:
        if skip < batch.num_rows:
            yield batch.slice(skip) if skip else batch
        skip = max(0, skip - batch.num_rows)


def same_schema(first: Any, other: Any, names: Sequence[str]) -> bool:
    """Whether the columns of these names are the same in both."""
    return all(other.get_field_index(name) >= 0 and other.field(name).type == first.field(name).type for name in names)
