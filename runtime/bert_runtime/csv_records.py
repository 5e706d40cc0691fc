"""Records of CSV, as RFC 4180 writes it, or with another separator: one at a time, each broken one by its number."""

from __future__ import annotations

import csv
import dataclasses
import io
import typing
from collections.abc import Iterator, Mapping
from typing import BinaryIO, Protocol

from bert_runtime.errors import InputError, Problem, prefixed
from bert_runtime.field_text import from_text
from bert_runtime.lines import CHUNK, LONGEST_CELL, LONGEST_LINE, ColumnProblems, Line, refuse_foreign
from bert_runtime.tasks.request import Request

Cells = list[str] | InputError
"""The cells of a row, or why there are none; a blank row has no cells."""


def csv_lines(
    stream: BinaryIO, request: type[Request], problems: ColumnProblems, keep_blank: bool = False
) -> Iterator[Line]:
    """The rows as fields of `request`, each cell with its field's type."""
    rows = csv_rows(stream, ",", keep_blank)
    header = next(rows, None)
    if header is None:
        return
    names = check_header(header[1], problems)
    kinds = {name: hint for name, hint in typing.get_type_hints(request).items() if name in names}
    required = {field.name for field in dataclasses.fields(request) if field.default is dataclasses.MISSING}
    for number, row in rows:
        cells = check_cells(row, names, ",")
        yield Line(number, cells if isinstance(cells, InputError) else typed(cells, kinds, required))


def csv_rows(stream: BinaryIO, separator: str, keep_blank: bool = False) -> Iterator[tuple[int, Cells]]:
    """The rows, each with its first line's number; the blank ones, with no cells, only where they are kept."""
    # surrogateescape: a byte that is not UTF-8 spoils its own row, not the file.
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    csv.field_size_limit(LONGEST_CELL)
    source = _Lines(text)
    reader = csv.reader(source, strict=True, delimiter=separator)
    is_header = True
    try:
        while (row := _row(reader, source)) is not None:
            if row[1] or (keep_blank and not is_header):
                yield row
            is_header = is_header and not row[1]
    finally:
        if not stream.closed:  # the stream belongs to the caller, which may close it before this generator ends
            text.detach()


def check_header(row: Cells, problems: ColumnProblems) -> list[str]:
    """The names of the columns.

    Raises:
        InputError: the header is no CSV, names a column twice, or has `problems`.
    """
    if isinstance(row, InputError):
        raise InputError(prefixed("line 1: ", problem) for problem in row.faults)
    doubled = sorted({name for name in row if row.count(name) > 1})
    found: list[str] = [
        Problem("repeated-name", name, f"the column {name!r} stands there twice, expected each name once")
        for name in doubled
    ]
    found += problems(row)
    if found:
        raise InputError(prefixed("line 1: ", problem) for problem in found)
    return row


def check_cells(row: Cells, names: list[str], separator: str) -> dict[str, str] | InputError:
    """Column -> cell; a blank row has empty cells."""
    if isinstance(row, InputError):
        return row
    if not row:
        return dict.fromkeys(names, "")
    if len(row) != len(names):
        what = {",": "a comma", "\t": "a tab"}.get(separator, f"a {separator}")
        message = f"{len(row)} cells, expected {len(names)} as in the header; quote cells that hold {what}"
        return InputError(Problem("wrong-shape", "line", message))
    broken = [name for name, cell in zip(names, row, strict=True) if not cell.isascii() and _has_raw_bytes(cell)]
    if broken:
        return InputError(Problem("not-utf8", name, f"{name} is not UTF-8; save the file as UTF-8") for name in broken)
    zeros = [name for name, cell in zip(names, row, strict=True) if "\0" in cell]
    if zeros:
        return InputError(
            Problem("nul", name, f"{name} holds a NUL byte, expected text; save the file as UTF-8") for name in zeros
        )
    return dict(zip(names, row, strict=True))


def typed(cells: Mapping[str, str], kinds: Mapping[str, object], required: set[str]) -> dict[str, object]:
    """Cells as their fields have them; an empty one is left out, but for a `required` field it is an empty text."""
    given = ((name, cell) for name, cell in cells.items() if cell or name in required)
    return {name: from_text(cell, kinds.get(name, str)) for name, cell in given}


class CsvReader(Protocol):
    """What `csv.reader` returns; the module does not name the type."""

    def __next__(self) -> list[str]: ...


class _Lines:
    """The lines of a text, each within LONGEST_LINE. `number` is that of the last one, from 1."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._is_cut = False
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        while self._is_cut:
            rest = self._text.readline(CHUNK)
            self._is_cut = bool(rest) and not rest.endswith(("\n", "\r"))
        line = self._text.readline(LONGEST_LINE + 1)
        if not line:
            raise StopIteration
        self.number += 1
        if self.number == 1:
            refuse_foreign(line[:6].encode("utf-8", "surrogateescape"))
        if len(line) > LONGEST_LINE and not line.endswith(("\n", "\r")):
            self._is_cut = True
            raise csv.Error(f"a line is longer than {LONGEST_LINE} characters")
        return line


def _row(reader: CsvReader, source: _Lines) -> tuple[int, Cells] | None:
    """The next row; None at the end."""
    number = source.number + 1
    try:
        return number, next(reader)
    except StopIteration:
        return None
    except csv.Error as error:
        return number, InputError(
            Problem("not-csv", "line", f"not CSV: {error}; expected cells as RFC 4180 quotes them")
        )


def _has_raw_bytes(cell: str) -> bool:
    return any("\udc80" <= character <= "\udcff" for character in cell)
