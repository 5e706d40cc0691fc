"""Results to a file, one at a time: JSON Lines and CSV."""

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
    """Writes records, in order, to a stream that the caller owns."""

    def write(self, record: Mapping[str, Json]) -> None:
        """One record, on one line."""

    def finish(self) -> None:
        """Write whatever had to wait."""

    def keep(self) -> None:
        """Write the records that had to wait, where there are any: after a failure a header alone is worth nothing."""


class JsonLinesWriter:
    """One JSON object a line, in UTF-8."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, record: Mapping[str, Json]) -> None:
        """See Writer."""
        self._stream.write(encode(dumps(record)) + b"\n")

    def finish(self) -> None:
        """See Writer."""

    def keep(self) -> None:
        """See Writer."""


class CsvWriter:
    """A column for each field, JSON in the cell of a field that is an object or a list.

    The first record with other fields than `before` and `after` decides the columns; records ahead of it (errors) wait.
    """

    def __init__(self, stream: BinaryIO, before: tuple[str, ...] = (), after: tuple[str, ...] = ()) -> None:
        """Write to `stream`; `before` and `after` are the columns that every file has, around those of the result."""
        self._stream = stream
        self._before, self._after = before, after
        self._columns: list[str] | None = None
        self._waiting: list[Mapping[str, Json]] = []

    def write(self, record: Mapping[str, Json]) -> None:
        """See Writer."""
        own = [name for name in record if name not in (*self._before, *self._after)]
        if self._columns is None and not own:
            self._waiting.append(record)
            return
        self._start(own)
        self._row(record)

    def finish(self) -> None:
        """See Writer."""
        self._start([])

    def keep(self) -> None:
        """See Writer."""
        if self._waiting:
            self._start([])

    def _start(self, own: list[str]) -> None:
        if self._columns is None:
            self._columns = [*self._before, *own, *self._after]
            self._cells(self._columns)
            for record in self._waiting:
                self._row(record)
            self._waiting.clear()

    def _row(self, record: Mapping[str, Json]) -> None:
        self._cells([_cell(record.get(name)) for name in self._columns or ()])

    def _cells(self, cells: list[str]) -> None:
        line = io.StringIO(newline="")
        csv.writer(line, lineterminator="\r\n").writerow(cells)  # it quotes what its line end holds: \r as well as \n
        self._stream.write(encode(line.getvalue().removesuffix("\r\n") + "\n"))


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
