"""Rows as Arrow's record batches, in a stream that can be appended to; what is passed on stays as it was read."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, BinaryIO

from bert_runtime.cli.data.fixed_columns import FixedColumns
from bert_runtime.cli.data.row_writer import ColumnWriter, Passed
from bert_runtime.errors import InputError, ItemError, Problem
from bert_runtime.record_writers import to_json
from bert_runtime.table.arrow import arrow_array, arrow_type
from bert_runtime.table.arrow_rows import ArrowRest
from bert_runtime.table.extras import pyarrow
from bert_runtime.table.layout import Layout, Origin, Slot, values
from bert_runtime.table.rows import Row

ROWS = 1024
"""Rows of a record batch."""

Schema = Callable[[], Any]
"""Arrow's schema of the input; None where it is text."""


class ArrowWriter(ColumnWriter):
    """See RowWriter: the bytes are those of an Arrow IPC stream without its end, which may be missing."""

    def __init__(self, layout: Layout, passed: Passed, schema: Schema) -> None:
        """`passed` and `schema` are asked when the first row comes."""
        super().__init__(layout, passed)
        self._input = schema
        self._schema: Any = None
        self._stream: Any = None
        self._sink = io.BytesIO()
        self._schema_bytes, self._is_headed = b"", False

    def text(self, row: Row, answer: Any) -> bytes:
        """See RowWriter."""
        columns = self._begun()
        if self._schema is not None and not isinstance(answer, ItemError):
            self._check(row)
        columns.take(row, answer)
        return self._written() if len(columns.waiting) >= ROWS else b""

    def resume(self, written: BinaryIO) -> None:
        """See RowWriter."""
        self._schema = pyarrow().ipc.open_stream(written).schema
        self._columns = FixedColumns(self._layout, self._passed(), self._schema.names)
        self._begin(is_new=False)

    def _written(self) -> bytes:
        assert self._columns is not None
        self._columns.decide()
        slots, rows = self._columns.slots or (), self._columns.waiting
        if self._schema is None:
            self._schema = self._decided(slots, rows)
            self._begin(is_new=True)
        if rows:
            arrays = [self._array(slot, rows) for slot in slots]
            self._stream.write_batch(pyarrow().RecordBatch.from_arrays(arrays, schema=self._schema))
            self._columns.waiting = []
        return self._drained()

    def _begin(self, is_new: bool) -> None:
        """Begin a stream; one that goes on has its schema already, which pyarrow writes with the first batch."""
        self._sink = io.BytesIO()
        self._stream = pyarrow().ipc.new_stream(self._sink, self._schema)
        self._schema_bytes = self._schema.serialize().to_pybytes()
        self._is_headed = not is_new

    def _drained(self) -> bytes:
        found = self._sink.getvalue()
        self._sink.seek(0)
        self._sink.truncate()
        if found.startswith(self._schema_bytes):
            found = found[len(self._schema_bytes) :]
        head, self._is_headed = b"" if self._is_headed else self._schema_bytes, True
        return head + found

    def _decided(self, slots: Sequence[Slot], rows: Sequence[tuple[Row, Any]]) -> Any:
        """The schema: types of the input's own where it has some, else by the values of the first rows."""
        arrow, given = pyarrow(), self._input()
        fields = []
        for slot in slots:
            if slot.column is not None:
                kind = arrow_type(slot.column.kind)
            elif given is not None:
                kind = given.field(slot.source).type
            else:
                kind = _type_of([row.rest.get(slot.source) for row, _ in rows])
            fields.append(arrow.field(slot.name, kind))
        return arrow.schema(fields)

    def _array(self, slot: Slot, rows: Sequence[tuple[Row, Any]]) -> Any:
        kind = self._schema.field(slot.name).type
        if slot.column is not None:
            found = [values((slot,), row, answer)[slot.name] for row, answer in rows]
            return arrow_array(slot.column.kind, found)
        if all(isinstance(row.rest, ArrowRest) for row, _ in rows):
            parts = [part.cast(kind) for part in _slices(slot.source, [row.rest for row, _ in rows])]
            return pyarrow().concat_arrays(parts) if len(parts) != 1 else parts[0]
        return pyarrow().array([_fitting(row.rest.get(slot.source), kind) for row, _ in rows], kind)

    def _check(self, row: Row) -> None:
        """Raise InputError where a value does not fit the column that the first rows decided."""
        if isinstance(row.rest, ArrowRest):
            return
        assert self._columns is not None
        for slot in self._columns.slots or ():
            if slot.origin is not Origin.INPUT:
                continue
            kind = self._schema.field(slot.name).type
            value = row.rest.get(slot.source)
            if value is not None and _fitting(value, kind) is None:
                message = (
                    f"{slot.source} is {value!r:.60} ({type(value).__name__}), expected {kind} as in the rows before; "
                    "leave the column out with --columns, or write JSON Lines"
                )
                raise InputError(Problem("wrong-type", slot.source, message))


def _slices(name: str, rests: Sequence[Any]) -> Iterator[Any]:
    """The column of neighbouring rows, batch by batch, without a copy."""
    for _, group in groupby(enumerate(rests), lambda pair: (id(pair[1].batch), pair[1].index - pair[0])):
        own = [rest for _, rest in group]
        yield own[0].batch.column(name).slice(own[0].index, len(own))


def _type_of(found: Sequence[Any]) -> Any:
    """The type of values of JSON: bool, int64, float64 or string; what is mixed or nested becomes JSON in a string."""
    arrow = pyarrow()
    kinds = {type(value) for value in found if value is not None}
    if kinds == {bool}:
        return arrow.bool_()
    if kinds == {int} and all(abs(value) < 2**63 for value in found if value is not None):
        return arrow.int64()
    return arrow.float64() if kinds and kinds <= {int, float} else arrow.string()


def _fitting(value: Any, kind: Any) -> Any:
    """The value as a column of this type has it; None where it does not fit."""
    types = pyarrow().types
    if value is None:
        return None
    if types.is_string(kind):
        found = value if isinstance(value, str) else json.dumps(to_json(value), ensure_ascii=False)
        return found if found.isascii() or _is_utf8(found) else None
    if types.is_boolean(kind):
        return value if isinstance(value, bool) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if types.is_int64(kind):
        return value if isinstance(value, int) and -(2**63) <= value < 2**63 else None
    return float(value)


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
