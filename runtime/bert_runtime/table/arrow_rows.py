"""Rows of Arrow's batches: what requests read becomes Python's, what is passed on stays in Arrow's batches."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bert_runtime.errors import InputError, Problem
from bert_runtime.lines import BlankError
from bert_runtime.record_writers import Json
from bert_runtime.table.column_map import ColumnMap
from bert_runtime.table.extras import pyarrow
from bert_runtime.table.rows import Row


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


def arrow_rows(batches: Iterable[Any], columns: ColumnMap, first: int) -> Iterator[Row]:
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
