"""Requests from a file, one at a time whatever its size: JSON Lines here, CSV in `csv_records`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import BinaryIO

from bert_runtime.csv_records import csv_lines
from bert_runtime.errors import InputError, Problem
from bert_runtime.lines import CHUNK, LONGEST_LINE, BlankError, ColumnProblems, Line, refuse_foreign
from bert_runtime.tasks.request import Request

FORMATS: Mapping[str, tuple[str, ...]] = {"jsonl": (".jsonl", ".ndjson"), "csv": (".csv",)}
"""Each format's file extensions."""

DEEPEST = 64
_TOO_DEEP = f"nested too deep, expected at most {DEEPEST} levels"

_HINTS = {
    ".parquet": "; convert it to one of these",
    ".tsv": "; tabs between cells are not read: convert it to CSV",
    ".xlsx": "; save it as CSV in UTF-8",
    ".json": "; write one object a line, as `jq -c '.[]'` does",
    **dict.fromkeys(
        (".gz", ".bz2", ".xz", ".zst", ".zip"),
        "; unpack it first, as in `gunzip -c FILE | bert-run DIR --input -`",
    ),
}


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
    """The records of a UTF-8 file as fields of `request`; blank lines are none. Holds one record at a time. See also
    `json_lines` and `csv_lines`, which can keep them.

    Args:
        problems: asked of the columns of a CSV file.

    Raises:
        InputError: the file is not UTF-8 from its first bytes on, or a CSV file has no usable header. Any other mistake
            is the content of its line.
    """
    return json_lines(stream) if file_format == "jsonl" else csv_lines(stream, request, problems)


def json_lines(stream: BinaryIO, keep_blank: bool = False) -> Iterator[Line]:
    """The objects of JSON Lines; a blank line is none, or BlankError where these are kept."""
    # Lines are split as bytes: text may hold U+2028 and other characters that end a line for str.splitlines.
    number = 0
    while raw := stream.readline(LONGEST_LINE + 1):
        number += 1
        if number == 1:
            refuse_foreign(raw)
        line = raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
        if len(raw) > LONGEST_LINE and not raw.endswith(b"\n"):
            yield Line(
                number,
                InputError(
                    Problem("too-long", "line", f"longer than {LONGEST_LINE} bytes, expected one JSON object a line")
                ),
            )
            while raw and not raw.endswith(b"\n"):
                raw = stream.readline(CHUNK)
        elif line.strip():
            yield Line(number, _object(line))
        elif keep_blank:
            yield Line(number, BlankError())


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
