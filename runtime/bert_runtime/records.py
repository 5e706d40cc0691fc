"""Requests from a file, one at a time whatever its size: JSON Lines and CSV."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import BinaryIO, Protocol

from bert_runtime.errors import InputError
from bert_runtime.tasks.request import Request

FORMATS: Mapping[str, tuple[str, ...]] = {"jsonl": (".jsonl", ".ndjson"), "csv": (".csv",)}
"""Each format's file extensions."""

DEEPEST = 64
_TOO_DEEP = f"nested too deep, expected at most {DEEPEST} levels"

LONGEST_CELL = 2**24
"""Characters of a CSV cell: an unclosed quote would otherwise read the rest of the file into memory."""


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
    parquet = "; parquet is not supported yet: convert it to one of these" if suffix == ".parquet" else ""
    raise InputError(f"{path}: the extension is {suffix or 'missing'}, expected {known}{parquet}, or name the format")


def read_lines(stream: BinaryIO, file_format: str, request: type[Request]) -> Iterator[Line]:
    """The records of a UTF-8 file as fields of `request`; blank lines are none. Holds one record at a time.

    Raises:
        InputError: a CSV file has no usable header. Any other mistake is the content of its line.
    """
    return _jsonl(stream) if file_format == "jsonl" else _csv(stream, request)


def _jsonl(stream: BinaryIO) -> Iterator[Line]:
    # Lines are split as bytes: text may hold U+2028 and other characters that end a line for str.splitlines.
    for number, raw in enumerate(stream, start=1):
        line = raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
        if line.strip():
            yield Line(number, _object(line))


def _object(line: bytes) -> dict[str, object] | InputError:
    try:
        value = json.loads(line.decode("utf-8"), parse_constant=_finite, parse_float=_finite)
    except UnicodeDecodeError as error:
        return InputError(f"byte {error.start + 1} of the line is not UTF-8; save the file as UTF-8")
    except RecursionError:
        return InputError(_TOO_DEEP)
    except ValueError as error:
        return InputError(f"not JSON: {error}; expected one JSON object a line")
    if isinstance(value, dict):
        return InputError(_TOO_DEEP) if _is_too_deep(value, line) else value
    return InputError(f"got a JSON {type(value).__name__}, expected an object with the request's fields")


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


def _csv(stream: BinaryIO, request: type[Request]) -> Iterator[Line]:
    rows = _rows(stream)
    header = next(rows, None)
    if header is None:
        return
    names = _header(header[1])
    kinds = {name: hint for name, hint in typing.get_type_hints(request).items() if name in names}
    required = {field.name for field in dataclasses.fields(request) if field.default is dataclasses.MISSING}
    for number, row in rows:
        yield Line(number, row if isinstance(row, InputError) else _fields(row, names, kinds, required))


class CsvReader(Protocol):
    """What `csv.reader` returns; the module does not name the type."""

    line_num: int

    def __next__(self) -> list[str]: ...


def _rows(stream: BinaryIO) -> Iterator[tuple[int, list[str] | InputError]]:
    """The rows that are not blank, each with its first line's number."""
    # surrogateescape: a byte that is not UTF-8 spoils its own row, not the file.
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(text, strict=True)
    try:
        while (row := _row(reader)) is not None:
            yield row
    finally:
        if not stream.closed:  # the stream belongs to the caller, who may be done with it before this generator is
            text.detach()


def _row(reader: CsvReader) -> tuple[int, list[str] | InputError] | None:
    """The next row that is not blank; None at the end."""
    while True:
        number = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return None
        except csv.Error as error:
            return number, InputError(f"not CSV: {error}; expected cells as RFC 4180 quotes them")
        if row:
            return number, row


def _header(row: list[str] | InputError) -> list[str]:
    if isinstance(row, InputError):
        raise InputError(f"line 1: {problem}" for problem in row.problems)
    doubled = sorted({name for name in row if row.count(name) > 1})
    if doubled:
        raise InputError(f"line 1: the column {name!r} stands there twice, expected each name once" for name in doubled)
    return row


def _fields(
    row: list[str], names: list[str], kinds: Mapping[str, object], required: set[str]
) -> dict[str, object] | InputError:
    if len(row) != len(names):
        return InputError(f"{len(row)} cells, expected {len(names)} as in the header; quote cells that hold a comma")
    broken = [name for name, cell in zip(names, row, strict=True) if not cell.isascii() and _has_raw_bytes(cell)]
    if broken:
        return InputError(f"{name} is not UTF-8; save the file as UTF-8" for name in broken)
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
