"""Rows of JSON Lines, CSV and TSV."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from io import BufferedReader
from typing import BinaryIO

from bert_runtime.csv_records import check_cells, check_header, csv_rows, typed
from bert_runtime.errors import InputError
from bert_runtime.records import json_lines
from bert_runtime.table.column_map import ColumnMap
from bert_runtime.table.rows import Row

SEPARATORS = (",", ";", "\t", "|")
"""What may stand between the cells of a `.csv`, the likeliest first."""

_PEEK = 2**16

_MOST_SHAPES = 1024
"""How many sets of fields of JSON Lines are remembered."""

Told = Callable[[Sequence[str]], None]
"""Told the columns of a file that are passed on, once they are known."""


def json_rows(stream: BinaryIO, columns: ColumnMap) -> Iterator[Row]:
    """The rows of JSON Lines; a blank line is a BlankError."""
    judged: dict[tuple[str, ...], InputError | None] = {}
    for line in json_lines(stream, keep_blank=True):
        if isinstance(line.content, InputError):
            yield Row(line.number, line.content, {})
            continue
        names = tuple(line.content)
        if names not in judged:
            if len(judged) >= _MOST_SHAPES:
                judged.clear()
            found = columns.misspelt(names)
            judged[names] = InputError(found) if found else None
        content, rest = columns.split(line.content)
        yield Row(line.number, judged[names] or content, rest)


def csv_file_rows(stream: BufferedReader, columns: ColumnMap, separator: str | None, told: Told) -> Iterator[Row]:
    """The rows of CSV; a blank line is a row of empty cells.

    Args:
        separator: None: the first of SEPARATORS that gives the header all columns that requests need.
    """
    found = separator or _separator(stream, columns)
    rows = csv_rows(stream, found, keep_blank=True)
    header = next(rows, None)
    if header is None:
        told(())
        return
    names = check_header(header[1], columns.problems)
    told(columns.passed(names))
    split = _Splitter(columns, names)
    for number, row in rows:
        cells = check_cells(row, names, found)
        yield Row(number, cells, {}) if isinstance(cells, InputError) else Row(number, *split(cells))


class _Splitter:
    """Cells to a request's fields and what is passed on."""

    def __init__(self, columns: ColumnMap, names: Sequence[str]) -> None:
        self._columns, self._passed = columns, columns.passed(names)
        self._kinds = {column: columns.hints[field] for column, field in columns.columns.items()}
        required = columns.request.required()
        self._required = {column for column, field in columns.columns.items() if field in required}

    def __call__(self, cells: Mapping[str, str]) -> tuple[dict[str, object], Mapping[str, object]]:
        if not self._columns.is_flat:
            return self._columns.split(typed(cells, self._kinds, self._required))
        taken = {name: cell for name, cell in cells.items() if name in self._kinds}
        content, _ = self._columns.split(typed(taken, self._kinds, self._required))
        return content, {name: cells[name] or None for name in self._passed}


def _separator(stream: BufferedReader, columns: ColumnMap) -> str:
    """What separates the cells of the header, as far as the first read of the stream shows it."""
    header = stream.peek(_PEEK).split(b"\n", 1)[0].decode("utf-8-sig", "replace").strip()
    needed = [columns.named.get(field, field) for field in columns.required]
    for separator in SEPARATORS:
        names = [name.strip('"') for name in header.split(separator)]
        if len(names) > 1 and all(name in names for name in needed):
            return separator
    return ","
