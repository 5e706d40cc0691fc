"""Batches that run in threads of their own, several at once: how bulk work keeps every CPU busy.

One run with many threads waits for the slowest of them after every operator. Runs of one thread each wait for nothing,
and engines let go of Python's interpreter while they run: meanwhile the caller's thread encodes and decodes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from bert_runtime.errors import BackendError
from bert_runtime.process import Process

T = TypeVar("T")
R = TypeVar("R")

CLOSED = "the session is closed; load the bundle again"

AHEAD = 4
"""How many items for each stream are begun before the first result is taken: enough to be busy while it is decoded."""


class Streams:
    """`count` threads; with none, everything is done by the caller's own, when its result is asked for."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._process = Process()
        self._pool = ThreadPoolExecutor(count, "bert-runtime") if count else None

    def start(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """The results in the items' order. With threads the first items begin at once; never are more than AHEAD for
        each thread begun and not taken, so that memory is bounded. What `function` raises comes in its turn.

        Raises:
            BackendError: `close` was called before everything had begun, or this process was forked from that of the
                threads.
        """
        pool = self._pool
        if pool is None:
            return map(function, items)
        self._process.check()
        futures = (_begun(pool, function, item) for item in items)
        return self._taken(deque(islice(futures, AHEAD * self.count)), futures)

    def close(self) -> None:
        """Wait for what runs, and begin nothing more."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(cancel_futures=True)

    def _taken(self, begun: deque[Future[R]], more: Iterator[Future[R]]) -> Iterator[R]:
        while begun:
            self._process.check()
            try:
                result = begun.popleft().result()
            except CancelledError as error:
                raise BackendError(CLOSED) from error
            begun.extend(islice(more, 1))
            yield result


def _begun(pool: ThreadPoolExecutor, function: Callable[[T], R], item: T) -> Future[R]:
    try:
        return pool.submit(function, item)
    except RuntimeError as error:  # the pool is shut down
        raise BackendError(CLOSED) from error
