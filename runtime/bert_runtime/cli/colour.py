"""Results on a terminal with rich: spans highlighted in their text, scores as bars. NO_COLOR is respected, by rich."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from bert_runtime.cli.highlight import Part, highlighted
from bert_runtime.cli.printable import printable
from bert_runtime.cli.tables import Table, tables
from bert_runtime.record_writers import Json

COLOURS = ("cyan", "magenta", "yellow", "green", "blue", "red")
"""One for each label, in the order in which an answer has them: a terminal's own, which suit its ground."""

BAR = 20
"""The width of a bar that stands for 1."""


def show(record: Mapping[str, Json], request: Mapping[str, object], stream: TextIO) -> None:
    """Print an answer; `request` has the texts that it was asked of."""
    console = Console(file=stream, highlight=False)
    for parts in highlighted(record, request):
        console.print(_paragraph(parts), end="\n\n")
    for table in tables("", record, request):
        console.print(_table(table, console.options.ascii_only))


def _paragraph(parts: Sequence[Part]) -> Text:
    colours = _colours([part.label for part in parts if part.rank is not None])
    text = Text()
    for part in parts:
        shown = _lines(part.text)
        if part.rank is None:
            text.append(shown)
            continue
        colour = colours[part.label]
        text.append(shown, f"bold underline {colour}" if part.label or part.rank == 0 else f"underline {colour}")
        if part.label:
            text.append(" ").append(printable(part.label), f"reverse {colour}")
    return text


def _lines(text: str) -> str:
    """A text with its own lines, and without anything else that steers a terminal."""
    return "\n".join(printable(line) for line in text.split("\n"))


def _colours(labels: Sequence[str]) -> dict[str, str]:
    return {label: COLOURS[i % len(COLOURS)] for i, label in enumerate(dict.fromkeys(labels))}


def _table(table: Table, ascii_only: bool) -> RichTable:
    title, header = table.title and Text(table.title), bool(table.columns)
    shown = RichTable(title=title, title_justify="left", show_header=header, box=SIMPLE_HEAD)
    bars = _bars(table, ascii_only)
    after_score = table.columns.index("score") + 1 if bars and header else 2
    columns = list(table.columns or ("", ""))
    for i, column in enumerate(columns[:after_score] + [""] * bool(bars) + columns[after_score:]):
        width = BAR if bars and i == after_score else None
        shown.add_column(column, style="bold" if i == 0 and not header else "", overflow="fold", width=width)
    for i, row in enumerate(table.rows):
        cells = list(map(Text, row))
        shown.add_row(*cells[:after_score], *bars[i : i + 1], *cells[after_score:])
    return shown


def _bars(table: Table, ascii_only: bool) -> list[Text]:
    """A bar for each row; none where no row has a score."""
    colours = _colours(table.labels)
    best = ["green" if i == 0 or not table.columns else "default" for i in range(len(table.rows))]
    own = [colours[label] for label in table.labels] or best
    return [_bar(share, colour, ascii_only) for share, colour in zip(table.shares, own, strict=False)]


def _bar(share: float | None, colour: str, ascii_only: bool) -> Text:
    if share is None:
        return Text()
    length = round(share * BAR)
    full, rest = ("#", ".") if ascii_only else ("━", "─")
    return Text.assemble((full * length, colour), (rest * (BAR - length), "dim"))
