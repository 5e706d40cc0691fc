"""What writes rows, and flat rows as JSON Lines and CSV."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, Protocol

from bert_runtime.cli.data.fixed_columns import FixedColumns
from bert_runtime.csv_records import csv_rows
from bert_runtime.errors import InputError, ItemError
from bert_runtime.lines import BlankError
from bert_runtime.record_writers import csv_cells, dumps, encode, to_json
from bert_runtime.table.layout import Layout, Origin, Slot, values
from bert_runtime.table.rows import Row

_MOST_SHAPES = 1024
"""How many sets of columns of JSON Lines are remembered."""

Passed = Callable[[], Sequence[str] | None]
"""The columns of the input that are passed on, once its header is read; None where it has none."""


class RowWriter(Protocol):
    """Writes rows, in order, as bytes for a stream that the caller owns and only appends to."""

    def text(self, row: Row, answer: Any) -> bytes:
        """One row with its answer or error; nothing where it has to wait. Raises: it cannot be written, and none of it
        was."""

    def settled(self) -> bytes | None:
        """Whatever waits: the stream then holds every row so far. None where it has to wait on."""

    def rest(self) -> bytes:
        """Whatever waits at the end, and what a file without rows holds."""

    def kept(self) -> bytes:
        """What waits, where anything does: after a failure, a file with a header alone would mislead."""

    def resume(self, written: BinaryIO) -> None:
        """Go on after what another run wrote, which is not empty."""


class FlatJsonWriter:
    """One object a line: what is passed on, and the answer's columns; of a bad row those of its fault."""

    def __init__(self, layout: Layout) -> None:
        """`layout` decides the columns."""
        self._layout = layout
        self._slots: dict[tuple[str, ...], tuple[Slot, ...]] = {}

    def text(self, row: Row, answer: Any) -> bytes:
        """See RowWriter."""
        names = tuple(row.rest)
        if names not in self._slots:
            if len(self._slots) >= _MOST_SHAPES:
                self._slots.clear()
            self._slots[names] = self._layout.slots(names)
        is_bad = isinstance(answer, ItemError) and not isinstance(row.content, BlankError)
        left_out = Origin.ANSWER if is_bad else Origin.FAULT
        slots = [slot for slot in self._slots[names] if slot.origin is not left_out]
        return encode(dumps({name: to_json(value) for name, value in values(slots, row, answer).items()})) + b"\n"

    def settled(self) -> bytes | None:
        """See RowWriter."""
        return b""

    def rest(self) -> bytes:
        """See RowWriter."""
        return b""

    def kept(self) -> bytes:
        """See RowWriter."""
        return b""

    def resume(self, written: BinaryIO) -> None:
        """See RowWriter."""


class ColumnWriter(ABC):
    """What the formats with the same columns in every row share: rows wait until their columns are known."""

    def __init__(self, layout: Layout, passed: Passed) -> None:
        """`passed` is asked when the first row comes."""
        self._layout, self._passed = layout, passed
        self._columns: FixedColumns | None = None

    def settled(self) -> bytes | None:
        """See RowWriter."""
        return self._written() if self._columns is not None and self._columns.waiting else b""

    def rest(self) -> bytes:
        """See RowWriter."""
        self._begun()
        return self._written()

    def kept(self) -> bytes:
        """See RowWriter."""
        return self.settled() or b""

    def _begun(self) -> FixedColumns:
        """The columns, as far as they are known."""
        self._columns = self._columns or FixedColumns(self._layout, self._passed())
        return self._columns

    @abstractmethod
    def _written(self) -> bytes:
        """The rows that wait, once their columns are decided."""


class FlatCsvWriter(ColumnWriter):
    """A header, then a row of cells: text as it is, lists and objects as JSON, nothing for a null."""

    def __init__(self, layout: Layout, passed: Passed, separator: str) -> None:
        """`passed` is asked when the first row comes."""
        super().__init__(layout, passed)
        self._separator = separator

    def text(self, row: Row, answer: Any) -> bytes:
        """See RowWriter."""
        columns = self._begun()
        columns.take(row, answer)
        return b"" if columns.slots is None else self._written()

    def resume(self, written: BinaryIO) -> None:
        """See RowWriter."""
        _, names = next(csv_rows(written, self._separator))
        assert not isinstance(names, InputError)
        self._columns = FixedColumns(self._layout, self._passed(), names)

    def _written(self) -> bytes:
        assert self._columns is not None
        header, rows = self._columns.taken()
        lines = [csv_cells(header, self._separator)] if header else []
        lines += [csv_cells([_cell(value) for value in row.values()], self._separator) for row in rows]
        return b"".join(lines)


def _cell(value: Any) -> str:
    found = to_json(value)
    if isinstance(found, str):
        return found
    return "" if found is None else dumps(found)
