"""The process that threads belong to: a fork copies the memory of an engine, and none of its threads.

A call of such a copy would wait for ever, and so would freeing it. Python's own `os.fork`, and with it gunicorn's
`--preload` and multiprocessing's `fork`, make such copies of whatever was loaded before.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from typing import Any

from bert_runtime.errors import BackendError


class Process:
    """The process in which something was made.

    What is given to `keep` is never freed in a process that is forked from it: freeing waits for threads.
    """

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._kept: list[Any] = []
        _MADE.add(self)

    def keep(self, thing: Any) -> None:
        """See the class. The caller holds `thing` as well, and lets both go."""
        self._kept.append(thing)

    def is_here(self) -> bool:
        """Whether this is that process."""
        return os.getpid() == self._pid

    def check(self) -> None:
        """Refuse to work in another process, at once.

        Raises:
            BackendError: this process was forked from the one that loaded the session.
        """
        if os.getpid() != self._pid:
            raise BackendError(
                f"the session was loaded in process {self._pid}, and this one was forked from it without the threads "
                "of its engine; load the bundle after the fork"
            )

    def release(self) -> None:
        """Let go of what was kept, where that is the process that made it."""
        if self.is_here():
            self._kept.clear()

    def _abandon(self) -> None:
        """In a forked process: one reference more keeps each object beyond the end of the interpreter."""
        for thing in self._kept:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


_MADE: weakref.WeakSet[Process] = weakref.WeakSet()


def _abandon_all() -> None:
    for made in list(_MADE):
        made._abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)
