"""How far a file is: a bar on standard error for people, nothing elsewhere."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Progress = Callable[[int, int], None]
"""Told after each batch: lines so far, bytes read so far."""


@contextmanager
def progress(source: str) -> Iterator[Progress]:
    """A bar over the bytes of `source` where standard error is a terminal and rich is installed."""
    if not sys.stderr.isatty() or importlib.util.find_spec("rich") is None:
        yield _nothing
        return
    from rich.console import Console  # noqa: PLC0415 - an extra, and only where something is shown
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn  # noqa: PLC0415
    from rich.progress import Progress as Bars  # noqa: PLC0415

    path = Path(source)
    size = path.stat().st_size if path.is_file() else None
    columns = (BarColumn(), TextColumn("{task.fields[lines]} lines"), TimeElapsedColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("", total=size, lines=0)
        yield lambda lines, position: bars.update(bar, completed=position, lines=lines)


def _nothing(_lines: int, _position: int) -> None:
    """Report nothing."""
