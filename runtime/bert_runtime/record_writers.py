"""Results as lines of a file, one at a time: JSON Lines and CSV."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Mapping
from enum import Enum
from typing import BinaryIO, Protocol

import numpy as np

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


def to_json(value: object) -> Json:
    """A result as JSON has it: dataclasses become objects, tuples and arrays lists, with every digit of a number."""
    if isinstance(value, Enum):
        return to_json(value.value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if dataclasses.is_dataclass(value):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, np.ndarray | np.generic):
        numbers: Json = value.tolist()
        return numbers
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    raise TypeError(f"a {type(value).__name__} has no JSON form")


class Writer(Protocol):
    """Writes records, in order, as bytes for a stream that the caller owns."""

    def text(self, record: Mapping[str, Json]) -> bytes:
        """One record, on one line; nothing where it has to wait. Raises ValueError: a number that JSON cannot write."""

    def rest(self) -> bytes:
        """Whatever had to wait."""

    def kept(self) -> bytes:
        """The records that had to wait, where there are any: after a failure, a file with a header alone would
        mislead."""

    def resume(self, written: BinaryIO) -> None:
        """Go on after what another run wrote, which is not empty."""


class JsonLinesWriter:
    """One JSON object a line, in UTF-8."""

    def text(self, record: Mapping[str, Json]) -> bytes:
        """See Writer."""
        return encode(dumps(record)) + b"\n"

    def rest(self) -> bytes:
        """See Writer."""
        return b""

    def kept(self) -> bytes:
        """See Writer."""
        return b""

    def resume(self, written: BinaryIO) -> None:
        """See Writer."""


class CsvWriter:
    """A column for each field, JSON in the cell of a field that is an object or a list.

    The first record with other fields than `before` and `after` decides the columns; records ahead of it (errors) wait.
    """

    def __init__(self, before: tuple[str, ...] = (), after: tuple[str, ...] = ()) -> None:
        """`before` and `after` are the columns that every file has, around those of the result."""
        self._before, self._after = before, after
        self._columns: list[str] | None = None
        self._waiting: list[Mapping[str, Json]] = []

    def text(self, record: Mapping[str, Json]) -> bytes:
        """See Writer."""
        if self._columns is not None:
            return _row(self._columns, record)
        own = [name for name in record if name not in (*self._before, *self._after)]
        if not own:
            self._waiting.append(record)
            return b""
        columns = [*self._before, *own, *self._after]
        written = self._start(columns) + _row(columns, record)
        self._columns, self._waiting = columns, []
        return written

    def rest(self) -> bytes:
        """See Writer."""
        return b"" if self._columns is not None else self._start([*self._before, *self._after])

    def kept(self) -> bytes:
        """See Writer."""
        return self.rest() if self._waiting else b""

    def resume(self, written: BinaryIO) -> None:
        """See Writer."""
        text = io.TextIOWrapper(written, encoding="utf-8", newline="")
        self._columns = next(csv.reader(text))
        text.detach()

    def _start(self, columns: list[str]) -> bytes:
        """The header, and the records that waited for it."""
        return csv_cells(columns) + b"".join(_row(columns, record) for record in self._waiting)


def _row(columns: list[str], record: Mapping[str, Json]) -> bytes:
    return csv_cells([_cell(record.get(name)) for name in columns])


def csv_cells(cells: list[str], separator: str = ",") -> bytes:
    """A row of CSV, with its line end."""
    line = io.StringIO(newline="")
    # It quotes what its line end holds: \r as well as \n.
    csv.writer(line, lineterminator="\r\n", delimiter=separator).writerow(cells)
    return encode(line.getvalue().removesuffix("\r\n") + "\n")


def _cell(value: Json) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else dumps(value)


def dumps(value: Json | Mapping[str, Json]) -> str:
    """JSON on one line, in Unicode; a NaN, which JSON cannot hold, is a ValueError."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def encode(line: str) -> bytes:
    """UTF-8; a lone surrogate, which a broken request may hold, is written as its JSON escape."""
    return line.encode("utf-8", errors="backslashreplace")
