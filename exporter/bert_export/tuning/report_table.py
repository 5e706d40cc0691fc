"""The table of what was tried, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from bert_export.tuning.report import Line, Tuning

NUMBERS = ("threads", "ms", "speed", "quartiles", "drop")


def show(tuning: Tuning, directory: str, console: Console) -> None:
    """Print the machine, the work, the table, the winner, and how to load it as it was timed."""
    machine, asked = tuning.machine, tuning.requests
    sets = ", ".join(machine["instruction_sets"]) or "no instruction set that is known here"
    console.print(f"on {machine['cpu']} ({sets}), {tuning.winner['default_threads']} CPUs", markup=False)
    tokens = ", ".join(f"{name} {count}" for name, count in asked["tokens"].items())
    console.print(f"asked: {asked['number']} requests from {asked['from']}; tokens: {tokens}", markup=False)
    console.print(_table(tuning))
    for reason in dict.fromkeys(line.reason for line in tuning.lines if line.reason):
        names = dict.fromkeys(line.name for line in tuning.lines if line.reason == reason)
        console.print(f"{', '.join(names)}: {reason}", markup=False)
    for number in dict.fromkeys(line.judged_on for line in tuning.lines if line.judged_on):
        console.print(f"drops are of {number} independent samples, none of which calibrated", markup=False)
    winner = next(line for line in tuning.lines if line.said == "winner")
    console.print(f"best here: {winner.name}, threads: {winner.threads}; {tuning.reason}", style="bold", markup=False)
    for command in tuning.commands(directory):
        console.print(f"load it as it was timed: {command}", markup=False, soft_wrap=True)


def _table(tuning: Tuning) -> Table:
    how = "one by one" if tuning.mode == "latency" else "in bulk"
    title = f"requests answered {how}: milliseconds of one, and speed as a ratio to the first line"
    # Narrow, so that names and numbers fit into 80 columns.
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("tried", no_wrap=True)
    for column in NUMBERS:
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column()
    for line in tuning.lines:
        table.add_row(*(Text(cell) for cell in _cells(line)))
    return table


def _cells(line: Line) -> tuple[str, ...]:
    timed = ("", "", "", "")
    if line.threads is not None:
        quartiles = f"{line.low:.2f}-{line.high:.2f}"
        timed = (str(line.threads), f"{line.milliseconds:.2f}", f"{line.ratio:.2f}x", quartiles)
    drop = "" if line.drop is None else f"{line.drop:.4f}"
    return (line.name, *timed, drop, line.said)
