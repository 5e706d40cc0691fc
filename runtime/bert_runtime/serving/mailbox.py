"""Answers on their way into an event loop: one wake-up brings all that are there."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
import weakref
from collections import deque
from collections.abc import Sequence
from typing import Any

from bert_runtime.errors import BertError
from bert_runtime.serving.job import Job
from bert_runtime.serving.lane import JobLane, cancel_with

_Letter = tuple["asyncio.Future[Any] | asyncio.Queue[Any]", object, BertError | None]
"""A result or an error for a future, or a part of a text for a queue."""


class Mailbox:
    """Where threads leave answers for one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._letters: deque[_Letter] = deque()
        self._is_due = False
        self._lock = threading.Lock()

    def jobs(self, requests: Sequence[object], timeout: float | None) -> tuple[list[asyncio.Future[Any]], list[Job]]:
        """For each request a future of the loop, and the job that settles it."""
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[Any]] = [loop.create_future() for _ in requests]
        jobs = [
            Job(request, timeout, functools.partial(self._put, future))
            for request, future in zip(requests, futures, strict=True)
        ]
        return futures, jobs

    def stream(
        self, request: object, timeout: float | None
    ) -> tuple[asyncio.Queue[str | None], asyncio.Future[Any], Job]:
        """A queue of the parts of a text, None at its end; the future that says how it ended; and the job."""
        parts: asyncio.Queue[str | None] = asyncio.Queue()
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        future.add_done_callback(lambda _: parts.put_nowait(None))
        job = Job(request, timeout, functools.partial(self._put, future), lambda part: self._put(parts, part, None))
        return parts, future, job

    def watch(self, future: asyncio.Future[Any], job: Job, lane: JobLane) -> None:
        """Cancel the job with its future, and end the future at the job's deadline."""
        if job.timeout is not None:
            timer = asyncio.get_running_loop().call_later(job.timeout, _expire, future, job, lane)
            future.add_done_callback(lambda _: timer.cancel())
        future.add_done_callback(functools.partial(cancel_with, lane, job))

    def _put(self, receiver: asyncio.Future[Any] | asyncio.Queue[Any], result: object, error: BertError | None) -> None:
        self._letters.append((receiver, result, error))
        with self._lock:
            if self._is_due:
                return
            self._is_due = True
        loop = self._loop()
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(self._open)

    def _open(self) -> None:
        with self._lock:
            self._is_due = False
        while self._letters:
            receiver, result, error = self._letters.popleft()
            if isinstance(receiver, asyncio.Queue):
                receiver.put_nowait(result)
            elif receiver.done():
                continue
            elif error is None:
                receiver.set_result(result)
            else:
                receiver.set_exception(error)


class Mailboxes:
    """A mailbox for each event loop."""

    def __init__(self) -> None:
        self._by_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Mailbox] = weakref.WeakKeyDictionary()

    def of(self, loop: asyncio.AbstractEventLoop) -> Mailbox:
        """That of `loop`, made where there is none."""
        found = self._by_loop.get(loop)
        if found is None:
            found = self._by_loop[loop] = Mailbox(loop)
        return found


def _expire(future: asyncio.Future[Any], job: Job, lane: JobLane) -> None:
    error = job.deadline_error()
    if not future.done():
        lane.cancel(job, error)
        future.set_exception(error)
