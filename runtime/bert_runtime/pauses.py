"""Sources that may block: read in a thread of their own, so that what they gave is answered while they wait.

`predict` reads its source in the caller's own thread, and nothing can be answered while that thread waits for the next
request. A source that yields PAUSE where it is about to wait has everything answered that it gave; `live` does so for
any source.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Final, Generic, Literal, TypeVar

T = TypeVar("T")


class Pause(Enum):
    """What a stream may hold beside requests."""

    PAUSE = "pause"
    """No request, and no answer: what came before is answered before the next request is read."""

    BOUNDARY = "boundary"
    """No request, and no answer: no batch holds requests from before and after it. A source that is cut at boundaries
    and read in parts gives the same batches as the whole."""


PAUSE: Final[Literal[Pause.PAUSE]] = Pause.PAUSE

WAIT = 0.01
"""Seconds that a source may take for its next item before what it gave is answered. More would delay every answer by as
much; less would cut a steady stream into single requests, and a batch of eight takes half as long a text."""

ROOM = 1024
"""How many items are read and not yet taken, at most."""


def live(source: Iterable[T], wait: float = WAIT) -> Iterator[T | Pause]:
    """The items of `source`, with a PAUSE wherever the next one takes longer than `wait` seconds.

    A thread reads `source`, so that it may wait for an answer before it gives the next request. It must not depend on
    the thread that it runs in, as a cursor of sqlite3 does. What it raises is raised after its last item. Once the
    iterator is closed, the thread ends with the next item, which is lost. The thread keeps no program from ending.
    """
    reader = _Reader(source)
    threading.Thread(target=reader.run, name="bert-runtime-live", daemon=True).start()
    try:
        while True:
            items = reader.take(wait)
            if items is None:
                yield PAUSE
                items = reader.take(None) or []
            if not items:
                break
            yield from items
    finally:
        reader.close()
    if reader.failure is not None:
        raise reader.failure


class _Reader(Generic[T]):
    """A source, and what was read of it and not yet taken."""

    def __init__(self, source: Iterable[T]) -> None:
        self.failure: BaseException | None = None
        self._source = source
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._has_ended = self._is_closed = False

    def run(self) -> None:
        try:
            for item in self._source:
                if not self._put(item):
                    break
        except BaseException as error:  # raised again where the items are taken
            self.failure = error
        with self._changed:
            self._has_ended = True
            self._changed.notify()

    def take(self, wait: float | None) -> list[T] | None:
        """All that was read; None if nothing is there after `wait` seconds, and nothing at the end."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._items or self._has_ended, wait):
                return None
            items = list(self._items)
            self._items.clear()
            self._changed.notify()
            return items

    def close(self) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify()

    def _put(self, item: T) -> bool:
        """Whether anybody wants it."""
        with self._changed:
            if len(self._items) >= ROOM:
                self._changed.wait_for(lambda: len(self._items) < ROOM or self._is_closed)
            self._items.append(item)
            self._changed.notify()
            return not self._is_closed
