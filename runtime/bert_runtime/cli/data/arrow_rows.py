"""Rows of Parquet and Arrow IPC: what requests read becomes Python's, what is passed on stays in Arrow's batches."""

from __future__ import annotations

import datetime
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

from bert_runtime.cli.data.column_map import ColumnMap
from bert_runtime.cli.data.extras import parquet, pyarrow
from bert_runtime.cli.data.rows import Row
from bert_runtime.errors import InputError, Problem
from bert_runtime.lines import BlankError
from bert_runtime.record_writers import Json

BATCH = 1024
"""Rows that are read at once."""

_SPOOLED = 2**26
"""Bytes of a stream without a position that are kept in memory; more go to a temporary file."""


class ArrowRest(Mapping[str, Any]):
    """What is passed on of one row: a place in a batch, read as JSON where a text format asks."""

    def __init__(self, batch: Any, index: int) -> None:
        """`batch` is a RecordBatch of the columns that are passed on."""
        self.batch, self.index = batch, index

    def __getitem__(self, name: str) -> Json:
        place = self.batch.schema.get_field_index(name)
        if place < 0:
            raise KeyError(name)
        return plain(self.batch.column(place)[self.index].as_py())

    def __iter__(self) -> Iterator[str]:
        return iter(self.batch.schema.names)

    def __len__(self) -> int:
        return int(self.batch.num_columns)


def plain(value: Any) -> Json:
    """A value of Arrow as JSON has it: dates in ISO 8601, decimals as text, bytes in hexadecimal, null for a NaN."""
    match value:
        case None | bool() | int() | str():
            found: Json = value
        case float():
            found = value if math.isfinite(value) else None
        case datetime.date() | datetime.time():
            found = value.isoformat()
        case bytes():
            found = value.hex()
        case dict():
            found = {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            found = [plain(item) for item in value]
        case _:
            found = str(value)
    return found


def arrow_rows(batches: Iterator[Any], columns: ColumnMap, first: int) -> Iterator[Row]:
    """The rows of Arrow's batches; a row whose required columns are all null is a BlankError.

    Args:
        first: how many rows of the file come before.
    """
    number = first
    for batch in batches:
        taken = {name: field for name, field in columns.columns.items() if name in batch.schema.names}
        required = [name for name, field in taken.items() if field in columns.request.required()]
        values = {name: batch.column(name).to_pylist() for name in taken}
        rest = batch.select(columns.passed(batch.schema.names))
        for i in range(batch.num_rows):
            number += 1
            own = {name: column[i] for name, column in values.items() if column[i] is not None}
            is_blank = bool(required) and not any(name in own for name in required)
            passed = ArrowRest(rest, i)
            yield Row(number, BlankError() if is_blank else columns.split(own)[0], passed)


def check_schema(schema: Any, columns: ColumnMap) -> None:
    """Raise InputError where no row of such a file can be a request: columns that are missing or of a wrong type."""
    found = columns.problems(schema.names)
    types = pyarrow().types
    for name, field in columns.columns.items():
        place = schema.get_field_index(name)
        if place < 0 or columns.hints[field] not in (str, str | None):
            continue
        kind = schema.field(place).type
        kind = kind.value_type if types.is_dictionary(kind) else kind
        if not (types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)):
            message = f"the column {name!r} has the type {kind}, expected text for {field}; cast it, or name another"
            found.append(Problem("wrong-type", name, message))
    if found:
        raise InputError(found)


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
