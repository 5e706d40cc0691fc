"""SIGTERM and SIGINT, from the first step of a process that serves: none is lost, whenever it comes."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable
from types import FrameType

Handler = Callable[[int, FrameType | None], None]


class EndSignals:
    """Both signals. Until `pass_to` each does what it did before, and is noted: what it raises may come to nothing, as
    in a callback of the import system, and then the server must not begin."""

    def __init__(self) -> None:
        self._received = False
        self._handler: Handler | None = None
        self._before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        for number in self._before:
            with contextlib.suppress(ValueError):  # a thread that is not the main one has no signals
                signal.signal(number, self._note)

    def pass_to(self, handler: Handler) -> None:
        """Let `handler` have them from now on.

        Raises:
            KeyboardInterrupt: one came before.
        """
        self._handler = handler
        if self._received:
            raise KeyboardInterrupt

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._handler is not None:
            self._handler(number, frame)
            return
        self._received = True
        before = self._before[signal.Signals(number)]
        if callable(before):
            before(number, frame)
