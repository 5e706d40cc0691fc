"""Results for people: any JSON object as lines and tables, in plain text or, where it is installed, with rich."""

from __future__ import annotations

import importlib.util
import itertools
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TextIO

from bert_runtime.cli.printable import printable
from bert_runtime.record_writers import Json, dumps, encode

SHOWN_NUMBERS = 4
"""How many numbers of a longer list are shown."""


WIDTH, LEAST_WIDTH = 80, 8
"""Characters of a line where no terminal says otherwise, and of a column that gave way to others."""


@dataclass(frozen=True)
class Table:
    """Rows of printable text under a title; without column names, its rows are pairs of a name and a value."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def show(record: Mapping[str, Json], stream: TextIO) -> None:
    """Print an object: its plain fields as lines, its lists of objects as tables, objects in it likewise."""
    with_rich = stream.isatty() and importlib.util.find_spec("rich") is not None
    for table in tables("", record):
        (_rich if with_rich else _plain)(table, stream)


def write_json(record: Json | Mapping[str, Json], stream: TextIO) -> None:
    """Print an object as JSON on one line: UTF-8, whatever the locale."""
    stream.flush()
    stream.buffer.write(encode(dumps(record)) + b"\n")


def tables(title: str, record: Mapping[str, Json]) -> Iterator[Table]:
    """The object's plain fields without nulls, then each of its lists of objects and objects, under its name."""
    plain = {name: value for name, value in record.items() if value is not None and not _is_nested(value)}
    if plain:
        yield Table(title, (), tuple((_text(name), _text(value)) for name, value in plain.items()))
    for name, value in record.items():
        below = f"{title} {name}".strip()
        if isinstance(value, dict) and value:
            yield from tables(below, value)
        elif isinstance(value, list) and _is_nested(value):
            items = [item for item in value if isinstance(item, dict)]
            if any(_is_nested(part) for item in items for part in item.values()):
                for number, item in enumerate(items, start=1):
                    yield from tables(f"{below} {number}", item)
            else:
                yield _table(below, items)


def _is_nested(value: Json) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(item, dict) for item in value)
    return isinstance(value, dict) and bool(value)


def _table(title: str, items: Sequence[Mapping[str, Json]]) -> Table:
    columns = tuple(dict.fromkeys(name for item in items for name in item))
    rows = tuple(tuple(_text(item.get(name)) for name in columns) for item in items)
    return Table(_text(title), tuple(map(_text, columns)), rows)


def _text(value: Json) -> str:
    """A value on one line."""
    if value is None or value in ([], {}):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return _list(value)
    return printable(value if isinstance(value, str) else dumps(value))


def _list(values: Sequence[Json]) -> str:
    numbers = all(isinstance(value, int | float) for value in values)
    shown = values[:SHOWN_NUMBERS] if numbers and len(values) > 3 * SHOWN_NUMBERS else values
    more = f" … ({len(values)} numbers)" if len(shown) < len(values) else ""
    return ", ".join(map(_text, shown)) + more


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


def _rich(table: Table, stream: TextIO) -> None:
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - an extra, and only where something is shown
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table as RichTable  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415 - without it, [brackets] in a text would be markup

    title, header = table.title and Text(table.title), bool(table.columns)
    shown = RichTable(title=title, title_justify="left", show_header=header, box=SIMPLE_HEAD)
    for i, column in enumerate(table.columns or ("", "")):
        shown.add_column(column, style="bold" if not table.columns and i == 0 else "", overflow="fold")
    for row in table.rows:
        shown.add_row(*map(Text, row))
    Console(file=stream).print(shown)
