"""All rows of `--input`, file by file, and how far reading is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, BinaryIO

from bert_runtime.cli.data.arrow_files import ArrowFile, opened_arrow, same_schema
from bert_runtime.cli.data.compression import unpacked
from bert_runtime.cli.data.encodings import buffered, in_utf8
from bert_runtime.cli.data.formats import TEXT, Format, format_of
from bert_runtime.cli.data.places import STANDARD, Place, named_errors
from bert_runtime.cli.data.text_rows import csv_file_rows, json_rows
from bert_runtime.errors import InputError, Problem, prefixed
from bert_runtime.table.arrow_rows import arrow_rows, check_schema
from bert_runtime.table.column_map import ColumnMap
from bert_runtime.table.rows import Row

_SEPARATORS = {"tsv": "\t"}
"""What separates cells, where the format says it."""


class Source:
    """The rows of some files.

    Attributes:
        passed: the columns that are passed on; None until a file's header says so, and for JSON Lines.
        schema: Arrow's, of these columns; None where the input is text.
    """

    def __init__(self, places: Sequence[Place], named_format: str | None, columns: ColumnMap) -> None:
        """`named_format` is that of every file; None goes by each one's extension."""
        self.places, self.columns = tuple(places), columns
        self.formats = tuple(format_of(place.path, named_format) for place in places)
        self.passed: tuple[str, ...] | None = None
        self.schema: Any = None
        self._sizes = [place.size() for place in places]
        self._done = 0
        self._position: Callable[[], float] = _nowhere

    @property
    def is_whole(self) -> bool:
        """Whether all that will be read is there already."""
        return all(place.is_whole for place in self.places)

    @property
    def is_named(self) -> bool:
        """Whether it can be read again: files that are whole, none of them a standard stream."""
        return self.is_whole and all(place.path != STANDARD for place in self.places)

    @property
    def fraction(self) -> float | None:
        """The share that has been read, 0..1; None where nobody knows how much there is."""
        sizes = [size for size in self._sizes if size is not None]
        if len(sizes) < len(self._sizes) or not sum(sizes):
            return None
        return min(1.0, (self._done + self._position()) / sum(sizes))

    def rows(self, skip: int = 0) -> Iterator[Row]:
        """The rows after `skip` of them.

        Raises:
            InputError: a file is not what its format says, or has not the columns that requests need; it is named.
        """
        is_one = len(self.places) == 1
        for place, file_format, size in zip(self.places, self.formats, self._sizes, strict=True):
            try:
                with named_errors(place), place.opened() as raw, self._file(raw, file_format, size or 0, skip) as found:
                    rows, unread = found
                    skip -= unread
                    for row in rows:
                        if skip:
                            skip -= 1
                        else:
                            yield row if is_one else replace(row, file=place.name)
            except InputError as error:
                first, *more = error.faults
                raise InputError([prefixed(f"{place.name}: ", first), *more]) from None
            self._done, self._position = self._done + (size or 0), _nowhere

    @contextmanager
    def _file(self, raw: BinaryIO, file_format: Format, size: int, skip: int) -> Iterator[tuple[Iterator[Row], int]]:
        """The rows of one file, and how many of `skip` were left out unread."""
        if file_format.name not in TEXT:
            with opened_arrow(raw, file_format.name) as file:
                yield self._arrow(file, size, skip)
            return
        self._position = lambda: _position(raw)
        with unpacked(raw, file_format.compression) as stream, in_utf8(buffered(stream)) as text:
            if file_format.name == "jsonl":
                yield json_rows(text, self.columns), 0
            else:
                yield csv_file_rows(text, self.columns, _SEPARATORS.get(file_format.name), self._told), 0

    def _arrow(self, file: ArrowFile, size: int, skip: int) -> tuple[Iterator[Row], int]:
        check_schema(file.schema, self.columns)
        passed = self.columns.passed(file.schema.names)
        if self.schema is not None and not same_schema(self.schema, file.schema, self.passed or ()):
            message = "the columns differ from those of the files before; give them one at a time, or cast them"
            raise InputError(Problem("wrong-shape", "file", message))
        self._told(passed)
        self.schema = self.schema or file.schema
        unread = min(skip, file.rows) if file.rows is not None else 0
        read = [unread]
        self._position = lambda: size * read[0] / file.rows if file.rows else 0.0

        def counted() -> Iterator[Any]:
            for batch in file.batches(unread):
                read[0] += batch.num_rows
                yield batch

        return arrow_rows(counted(), self.columns, unread), unread

    def _told(self, passed: Sequence[str]) -> None:
        if self.passed is None:
            self.passed = tuple(passed)
        elif set(passed) != set(self.passed):
            message = (
                f"the columns that are passed on are {', '.join(passed) or 'none'}, expected those of the files "
                f"before: {', '.join(self.passed) or 'none'}"
            )
            raise InputError(Problem("wrong-shape", "file", message))


def _position(stream: BinaryIO) -> float:
    try:
        return stream.tell()
    except (OSError, ValueError):  # a pipe has none, and a closed file
        return 0.0


def _nowhere() -> float:
    return 0.0
