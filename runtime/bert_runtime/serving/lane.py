"""What every bundle's work has in common: requests that wait, their encoding, and how each ends."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, cast

from bert_runtime.errors import BertError, item_error
from bert_runtime.feeds import Feeds
from bert_runtime.serving.admission import Admission
from bert_runtime.serving.job import Job, State
from bert_runtime.serving.observer import Observer
from bert_runtime.serving.workers import Crew, Work
from bert_runtime.session import Prepared, Session

ENCODED_AT_ONCE = 8
"""Requests that a thread encodes before it looks for other work: about a millisecond."""

_log = logging.getLogger("bert_runtime.serving")


class JobLane:
    """What every lane has: requests that wait to be encoded, and how a request ends."""

    def __init__(self, session: Session[Any, Any], crew: Crew, admission: Admission, observer: Observer) -> None:
        self.session = session
        self.clock = 0.0
        self.outstanding = 0
        self.on_idle: Callable[[], None] | None = None
        self._crew = crew
        self._admission = admission
        self._observer = observer
        self._inbox: dict[Job, None] = {}
        self._raw: dict[Job, None] = {}

    def submit(self, job: Job) -> None:
        """Take a request that was admitted; under the lock."""
        self.outstanding += 1
        (self._raw if job.is_raw else self._inbox)[job] = None
        self._crew.wake(self)

    def cancel(self, job: Job, error: BertError | None) -> bool:
        """End a request that has not begun to run, without an answer; whether it had not."""
        with self._crew.lock:
            if job.state is not State.WAITING:
                job.is_left = True
                return False
            self._end(job)
        observed(lambda: self._observer.request_ended(job.record(error, is_cancelled=error is None)))
        self._left()
        return True

    def fail(self, error: BertError) -> None:
        """End every request that has not begun to run with an error."""
        with self._crew.lock:
            left = self._abandoned()
            for job in left:
                self._end(job)
        for job in left:
            self._deliver(job, None, error)

    def finish(self, job: Job, result: object, error: BertError | None) -> None:
        """Give a request its answer or its error; nothing where it has one."""
        with self._crew.lock:
            if job.state is State.DONE:
                return
            self._end(job)
            if error is None:
                self._admission.answered()
        self._deliver(job, result, error)

    def has_work(self) -> bool:
        """See Lane."""
        raise NotImplementedError

    def take(self, free: int) -> Work:
        """See Lane."""
        raise NotImplementedError

    def _prepared(self, job: Job) -> Prepared[Any]:
        """Check and encode a request; raises InputError."""
        return self.session.prepare(job.request)

    def _encoded(self, job: Job) -> None:
        """Take a request that was encoded; under the lock."""
        raise NotImplementedError

    def _abandoned(self) -> list[Job]:
        """Every request that has not begun to run; under the lock."""
        return [*self._inbox, *self._raw]

    def _take_raw(self) -> Work:
        job = next(iter(self._raw))
        del self._raw[job]
        self._admission.leave()
        job.started()
        return functools.partial(self._run_raw, job)

    def _run_raw(self, job: Job) -> None:
        if job.is_expired():
            self.finish(job, None, job.deadline_error())
            return
        try:
            outputs = self.session.run(cast(Feeds, job.request))
        except Exception as error:
            self.finish(job, None, item_error(error))
            return
        self.finish(job, outputs, None)

    def _take_inbox(self) -> Work:
        jobs = [self._inbox_next() for _ in range(min(ENCODED_AT_ONCE, len(self._inbox)))]
        return functools.partial(self._encode, jobs)

    def _inbox_next(self) -> Job:
        job = next(iter(self._inbox))
        del self._inbox[job]
        return job

    def _encode(self, jobs: Sequence[Job]) -> None:
        ready = []
        for job in jobs:
            if job.state is not State.WAITING:
                continue
            if job.is_expired():
                self.finish(job, None, job.deadline_error())
                continue
            job.encoding()
            try:
                prepared = self._prepared(job)
            except Exception as error:
                self.finish(job, None, item_error(error))
                continue
            job.encoded(prepared, sum(row.ids.size for row in prepared.encoded.features))
            ready.append(job)
        with self._crew.lock:
            for job in ready:
                if job.state is State.WAITING:
                    self._encoded(job)
            self._crew.wake(self)

    def _end(self, job: Job) -> None:
        """Under the lock."""
        if job.state is State.WAITING:
            self._admission.leave()
            self._inbox.pop(job, None)
            self._raw.pop(job, None)
        job.state = State.DONE

    def _deliver(self, job: Job, result: object, error: BertError | None) -> None:
        """Give the caller what there is; whoever waits for the lane's end waits for this as well."""
        observed(lambda: self._observer.request_ended(job.record(error)))
        job.deliver(result, error)
        self._left()

    def _left(self) -> None:
        with self._crew.lock:
            self.outstanding -= 1
            is_idle = not self.outstanding
            if is_idle:
                self._crew.settled.notify_all()
        if is_idle and self.on_idle is not None:
            self.on_idle()


def cancel_with(lane: JobLane, job: Job, future: Future[Any] | asyncio.Future[Any]) -> None:
    """Cancel a request whose future was cancelled."""
    if future.cancelled():
        lane.cancel(job, None)


def observed(tell: Callable[[], None]) -> None:
    """Tell an observer; what it raises is logged."""
    try:
        tell()
    except Exception:
        _log.exception("the observer of a batcher raised")
