"""Requests from a file, one at a time whatever its size: JSON Lines and CSV."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import BinaryIO, Protocol

from bert_runtime.errors import InputError, Problem, prefixed
from bert_runtime.tasks.request import Request

FORMATS: Mapping[str, tuple[str, ...]] = {"jsonl": (".jsonl", ".ndjson"), "csv": (".csv",)}
"""Each format's file extensions."""

DEEPEST = 64
_TOO_DEEP = f"nested too deep, expected at most {DEEPEST} levels"

LONGEST_CELL = 2**24
"""Characters of a CSV cell: an unclosed quote would otherwise read the rest of the file into memory."""


LONGEST_LINE = 2**24
"""Bytes of a line of JSON, characters of a line of CSV: a file without line ends would fill the memory."""

_HINTS = {
    ".parquet": "; parquet is not supported yet: convert it to one of these",
    ".tsv": "; tabs between cells are not read: convert it to CSV",
    ".xlsx": "; save it as CSV in UTF-8",
    ".json": "; write one object a line, as `jq -c '.[]'` does",
    **dict.fromkeys(
        (".gz", ".bz2", ".xz", ".zst", ".zip"),
        "; unpack it first, as in `gunzip -c FILE | bert-run DIR --input -`",
    ),
}
_FOREIGN = {
    b"\xff\xfe": "in UTF-16, expected UTF-8; convert it with `iconv -f UTF-16 -t UTF-8`",
    b"\xfe\xff": "in UTF-16, expected UTF-8; convert it with `iconv -f UTF-16 -t UTF-8`",
    b"\x1f\x8b": "compressed by gzip, expected text; unpack it, as `gunzip -c` does",
    b"PK\x03\x04": "a zip archive or a spreadsheet, expected text; unpack it, or save it as CSV in UTF-8",
}
"""What a file begins with that is no text in UTF-8, and what it is then."""

ColumnProblems = Callable[[Sequence[str]], Sequence[str]]
"""Names of columns -> what is wrong with them."""


@dataclass(frozen=True)
class Line:
    """One record of a file: its fields, or what is wrong with it; `number` is its first line in the file, from 1."""

    number: int
    content: dict[str, object] | InputError


def format_of(path: str) -> str:
    """The format that the extension of `path` names; `-`, a standard stream, is JSON Lines.

    Raises:
        InputError: another extension.
    """
    suffix = PurePath(path).suffix.lower()
    for name, suffixes in FORMATS.items():
        if suffix in suffixes:
            return name
    if path == "-":
        return "jsonl"
    known = ", ".join(suffix for suffixes in FORMATS.values() for suffix in suffixes)
    hint = _HINTS.get(suffix, "")
    raise InputError(f"{path}: the extension is {suffix or 'missing'}, expected {known}{hint}, or name the format")


def read_lines(
    stream: BinaryIO, file_format: str, request: type[Request], problems: ColumnProblems = lambda _: ()
) -> Iterator[Line]:
    """The records of a UTF-8 file as fields of `request`; blank lines are none. Holds one record at a time.

    Args:
        problems: asked of the columns of a CSV file.

    Raises:
        InputError: the file is not UTF-8 from its first bytes on, or a CSV file has no usable header. Any other mistake
            is the content of its line.
    """
    return _jsonl(stream) if file_format == "jsonl" else _csv(stream, request, problems)


def _jsonl(stream: BinaryIO) -> Iterator[Line]:
    # Lines are split as bytes: text may hold U+2028 and other characters that end a line for str.splitlines.
    number = 0
    while raw := stream.readline(LONGEST_LINE + 1):
        number += 1
        if number == 1:
            _refuse_foreign(raw)
        line = raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
        if len(raw) > LONGEST_LINE and not raw.endswith(b"\n"):
            yield Line(
                number,
                InputError(
                    Problem("too-long", "line", f"longer than {LONGEST_LINE} bytes, expected one JSON object a line")
                ),
            )
            while raw and not raw.endswith(b"\n"):
                raw = stream.readline(_CHUNK)
        elif line.strip():
            yield Line(number, _object(line))


_CHUNK = 2**20
"""How much is read at once of what is left out."""


def _refuse_foreign(start: bytes) -> None:
    for signature, what in _FOREIGN.items():
        if start.startswith(signature):
            raise InputError(Problem("foreign-file", "file", f"the file is {what}"))


def _object(line: bytes) -> dict[str, object] | InputError:
    if (place := line.find(b"\0")) >= 0:
        return InputError(
            Problem("nul", "line", f"byte {place + 1} of the line is NUL, expected text; save the file as UTF-8")
        )
    try:
        value = json.loads(line.decode("utf-8"), parse_constant=_finite, parse_float=_finite)
    except UnicodeDecodeError as error:
        return InputError(
            Problem("not-utf8", "line", f"byte {error.start + 1} of the line is not UTF-8; save the file as UTF-8")
        )
    except RecursionError:
        return InputError(Problem("too-deep", "line", _TOO_DEEP))
    except ValueError as error:
        return InputError(Problem("not-json", "line", f"not JSON: {error}; expected one JSON object a line"))
    if isinstance(value, dict):
        return InputError(Problem("too-deep", "line", _TOO_DEEP)) if _is_too_deep(value, line) else value
    return InputError(
        Problem(
            "wrong-type", "line", f"got a JSON {type(value).__name__}, expected an object with the request's fields"
        )
    )


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text:.20} is no finite number")
    return number


def _is_too_deep(value: object, line: bytes) -> bool:
    """Whether lists and objects nest so deep that writing them again could exhaust the stack."""
    if line.count(b"[") + line.count(b"{") <= DEEPEST:
        return False
    level = [value]
    for _ in range(DEEPEST):
        parts = [item.values() if isinstance(item, dict) else item for item in level if isinstance(item, dict | list)]
        level = [child for part in parts for child in part]
    return any(isinstance(item, dict | list) for item in level)


def _csv(stream: BinaryIO, request: type[Request], problems: ColumnProblems) -> Iterator[Line]:
    rows = _rows(stream)
    header = next(rows, None)
    if header is None:
        return
    names = _header(header[1], problems)
    kinds = {name: hint for name, hint in typing.get_type_hints(request).items() if name in names}
    required = {field.name for field in dataclasses.fields(request) if field.default is dataclasses.MISSING}
    for number, row in rows:
        yield Line(number, row if isinstance(row, InputError) else _fields(row, names, kinds, required))


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
            rest = self._text.readline(_CHUNK)
            self._is_cut = bool(rest) and not rest.endswith(("\n", "\r"))
        line = self._text.readline(LONGEST_LINE + 1)
        if not line:
            raise StopIteration
        self.number += 1
        if self.number == 1:
            _refuse_foreign(line[:4].encode("utf-8", "surrogateescape"))
        if len(line) > LONGEST_LINE and not line.endswith(("\n", "\r")):
            self._is_cut = True
            raise csv.Error(f"a line is longer than {LONGEST_LINE} characters")
        return line


def _rows(stream: BinaryIO) -> Iterator[tuple[int, list[str] | InputError]]:
    """The rows that are not blank, each with its first line's number."""
    # surrogateescape: a byte that is not UTF-8 spoils its own row, not the file.
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    csv.field_size_limit(LONGEST_CELL)
    source = _Lines(text)
    reader = csv.reader(source, strict=True)
    try:
        while (row := _row(reader, source)) is not None:
            yield row
    finally:
        if not stream.closed:  # the stream belongs to the caller, which may close it before this generator ends
            text.detach()


def _row(reader: CsvReader, source: _Lines) -> tuple[int, list[str] | InputError] | None:
    """The next row that is not blank; None at the end."""
    while True:
        number = source.number + 1
        try:
            row = next(reader)
        except StopIteration:
            return None
        except csv.Error as error:
            return number, InputError(
                Problem("not-csv", "line", f"not CSV: {error}; expected cells as RFC 4180 quotes them")
            )
        if row:
            return number, row


def _header(row: list[str] | InputError, problems: ColumnProblems) -> list[str]:
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


def _fields(
    row: list[str], names: list[str], kinds: Mapping[str, object], required: set[str]
) -> dict[str, object] | InputError:
    if len(row) != len(names):
        return InputError(
            Problem(
                "wrong-shape",
                "line",
                f"{len(row)} cells, expected {len(names)} as in the header; quote cells that hold a comma",
            )
        )
    broken = [name for name, cell in zip(names, row, strict=True) if not cell.isascii() and _has_raw_bytes(cell)]
    if broken:
        return InputError(Problem("not-utf8", name, f"{name} is not UTF-8; save the file as UTF-8") for name in broken)
    zeros = [name for name, cell in zip(names, row, strict=True) if "\0" in cell]
    if zeros:
        return InputError(
            Problem("nul", name, f"{name} holds a NUL byte, expected text; save the file as UTF-8") for name in zeros
        )
    given = ((name, cell) for name, cell in zip(names, row, strict=True) if cell or name in required)
    return {name: from_text(cell, kinds.get(name, str)) for name, cell in given}


def _has_raw_bytes(cell: str) -> bool:
    return any("\udc80" <= character <= "\udcff" for character in cell)


def from_text(text: str, hint: object) -> object:
    """A field's value as a cell or a flag spells it: numbers, true or false, a JSON list for tuple[str, ...].

    What cannot be read stays text: the request then says which type it expected.
    """
    if isinstance(hint, types.UnionType):
        hint = next(option for option in typing.get_args(hint) if option is not type(None))
    try:
        if hint is int or hint is float:
            return int(text) if hint is int else float(text)
        if hint is bool:
            return {"true": True, "false": False}[text.strip().lower()]
        if typing.get_origin(hint) is tuple:
            return json.loads(text)
    except (ValueError, KeyError, RecursionError):
        pass
    return text
