"""The lines of a text file of requests: what one holds, how long it may be, and files that are no such text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bert_runtime.errors import InputError, Problem

LONGEST_CELL = 2**24
"""Characters of a CSV cell: an unclosed quote would otherwise read the rest of the file into memory."""

LONGEST_LINE = 2**24
"""Bytes of a line of JSON, characters of a line of CSV: a file without line ends would fill the memory."""

CHUNK = 2**20
"""How much is read at once of what is left out."""

_FOREIGN = {
    b"\xff\xfe": "in UTF-16, expected UTF-8; convert it with `iconv -f UTF-16 -t UTF-8`",
    b"\xfe\xff": "in UTF-16, expected UTF-8; convert it with `iconv -f UTF-16 -t UTF-8`",
    b"\x1f\x8b": "compressed by gzip, expected text; unpack it, as `gunzip -c` does",
    b"\x28\xb5\x2f\xfd": "compressed by zstd, expected text; unpack it, as `zstd -dc` does",
    b"PAR1": "in Parquet, expected text; name it .parquet",
    b"ARROW1": "in Arrow IPC, expected text; name it .arrow",
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


_BLANK = Problem("blank", "line", "the line is blank")


class BlankError(InputError):
    """A line that holds nothing: no mistake, and no request."""

    def __init__(self, problems: str | Iterable[str] = _BLANK, index: int | None = None) -> None:
        """The one thing to say of it."""
        super().__init__(problems, index)


def refuse_foreign(start: bytes) -> None:
    """Raise InputError where the first bytes of a file are of another kind."""
    for signature, what in _FOREIGN.items():
        if start.startswith(signature):
            raise InputError(Problem("foreign-file", "file", f"the file is {what}"))
