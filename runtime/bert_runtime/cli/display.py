"""Results for people: any JSON object as lines and tables, in plain text or, where it is installed, with rich."""

from __future__ import annotations

import importlib.util
import itertools
import textwrap
from collections.abc import Mapping, Sequence
from typing import TextIO

from bert_runtime.cli.tables import Table, tables
from bert_runtime.record_writers import Json, dumps, encode

WIDTH, LEAST_WIDTH = 80, 8
"""Characters of a line where no terminal says otherwise, and of a column that gave way to others."""


def show(record: Mapping[str, Json], stream: TextIO, request: Mapping[str, object] | None = None) -> None:
    """Print an object: its plain fields as lines, its lists of objects as tables, objects in it likewise.

    Args:
        request: what the object answers. On a terminal with rich, spans are highlighted in its texts.
    """
    if stream.isatty() and importlib.util.find_spec("rich") is not None:
        from bert_runtime.cli import colour  # noqa: PLC0415 - rich is an extra, and only where something is shown

        colour.show(record, request or {}, stream)
        return
    for table in tables("", record):
        _plain(table, stream)


def write_json(record: Json | Mapping[str, Json], stream: TextIO) -> None:
    """Print an object as JSON on one line: UTF-8, whatever the locale."""
    stream.flush()
    stream.buffer.write(encode(dumps(record)) + b"\n")


def _plain(table: Table, stream: TextIO) -> None:
    if table.title:
        print(f"\n{table.title}", file=stream)
    rows = [table.columns, *table.rows] if table.columns else list(table.rows)
    widths = _widths([max(map(len, column)) for column in zip(*rows, strict=True)])
    for row in rows:
        parts = [textwrap.wrap(cell, width, break_on_hyphens=False) for cell, width in zip(row, widths, strict=True)]
        for line in itertools.zip_longest(*parts, fillvalue=""):
            print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip(), file=stream)


def _widths(widest: Sequence[int]) -> list[int]:
    """The columns' widths such that a row fits: the widest give way."""
    widths = [max(1, width) for width in widest]
    while sum(widths) + 2 * (len(widths) - 1) > WIDTH and max(widths) > LEAST_WIDTH:
        widths[widths.index(max(widths))] -= 1
    return widths
