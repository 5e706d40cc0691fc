"""How far a run is: a line that changes on a terminal, a line a minute elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bert_runtime.cli.boundary import tell

Progress = Callable[[int, int, float | None], None]
"""Told after each batch: rows so far, tokens so far, and the share that was read where it is known, 0..1."""

TERMINAL, ELSEWHERE = 0.2, 60.0
"""Seconds between two lines."""


@contextmanager
def progress() -> Iterator[Progress]:
    """Rows, texts/s, tokens/s and the time left, on standard error."""
    is_terminal = sys.stderr.isatty()
    rate = Rate(time.monotonic())
    last = time.monotonic()
    shown = False

    def counted(rows: int, tokens: int, share: float | None) -> None:
        nonlocal last, shown
        now = time.monotonic()
        rate.start(rows, share)
        if now - last < (TERMINAL if is_terminal else ELSEWHERE):
            return
        last = now
        line = rate.line(rows, tokens, share, now)
        if is_terminal:
            shown = True
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
        else:
            tell("bert-run", line)

    try:
        yield counted
    finally:
        if shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


class Rate:
    """How fast a run is, since its first report: loading and what an earlier run did do not count."""

    def __init__(self, now: float) -> None:
        """`now` is in seconds."""
        self._began, self._rows, self._share = now, 0, 0.0
        self._is_begun = False

    def start(self, rows: int, share: float | None) -> None:
        """Note where the run began."""
        if not self._is_begun:
            self._is_begun = True
            self._rows, self._share = max(0, rows - 256), share or 0.0

    def line(self, rows: int, tokens: int, share: float | None, now: float) -> str:
        """What is shown."""
        seconds = max(now - self._began, 1e-9)
        found = f"{rows:,} rows, {(rows - self._rows) / seconds:,.0f} texts/s, {tokens / seconds:,.0f} tokens/s"
        gained = (share or 0.0) - self._share
        if share is None or gained <= 0:
            return found
        return f"{found}, {share:.0%}, {duration(seconds * (1 - share) / gained)} left"


def duration(seconds: float) -> str:
    """As `1 h 5 min`, `3 min` or `12 s`."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 60} min" if whole >= 60 else f"{whole} s"
