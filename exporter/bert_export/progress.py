"""The progress of an export: the stages on a terminal, nothing elsewhere, and the time of each either way."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stages:
    """Times the stages of an export; shows them with a spinner on standard error when that is a terminal."""

    def __init__(self, show: bool = False) -> None:
        self.seconds: dict[str, float] = {}
        self._show = show and sys.stderr.isatty()

    @contextmanager
    def stage(self, name: str, detail: str = "") -> Iterator[None]:
        """Run one stage under its name; the same name again adds up. `detail` names the object for the progress
        line."""
        began = time.perf_counter()
        with self._spinner(f"{name} {detail}" if detail else name):
            yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began

    @contextmanager
    def _spinner(self, name: str) -> Iterator[None]:
        if not self._show:
            yield
            return
        from rich.console import Console  # noqa: PLC0415 - only where something is shown

        console = Console(stderr=True)
        began = time.perf_counter()
        with console.status(f"{name} …"):
            yield
        console.print(f"[green]✓[/green] {name} [dim]{time.perf_counter() - began:.1f} s[/dim]")
