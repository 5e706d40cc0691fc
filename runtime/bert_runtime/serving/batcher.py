"""A micro-batcher: many callers, each with one request, answered in common batches.

It waits for nothing: a batch is what gathered while the threads were busy. An idle batcher answers a request at once,
and a busy one in batches as large as its load makes them.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from bert_runtime.errors import InputError
from bert_runtime.feeds import Feeds
from bert_runtime.generation.session import GenerationSession
from bert_runtime.serving.admission import Admission, QueueLimits
from bert_runtime.serving.answered import Answered, settle
from bert_runtime.serving.errors import BatcherClosed, Overloaded
from bert_runtime.serving.generation_lane import GenerationLane
from bert_runtime.serving.job import Job
from bert_runtime.serving.lane import JobLane, cancel_with, observed
from bert_runtime.serving.mailbox import Mailboxes
from bert_runtime.serving.observer import Observer, Rejection, SilentObserver
from bert_runtime.serving.row_lane import RowLane
from bert_runtime.serving.text_stream import TextStream
from bert_runtime.serving.workers import Workers
from bert_runtime.session import Session
from bert_runtime.tasks.request import Request

RequestT = TypeVar("RequestT", bound=Request)
ResultT = TypeVar("ResultT")


class Batcher(Generic[RequestT, ResultT]):
    """Answers the requests of many callers with one session. Every method may be called from any thread.

    Load the session with `Options(mode="serving")`: its threads are then shared by the batches that run at once. The
    session is the batcher's own from now on, which closes it.
    """

    def __init__(
        self,
        session: Session[RequestT, ResultT],
        workers: Workers | None = None,
        limits: QueueLimits | None = None,
        observer: Observer | None = None,
    ) -> None:
        """Begin to answer.

        Args:
            workers: threads that are shared with other batchers, which share the CPUs fairly then; None: own ones.
            limits: how many requests may wait, and how large a batch is.
            observer: is told of every request and batch.
        """
        self._limits = limits or QueueLimits()
        self._observer: Observer = observer or SilentObserver()
        self._own_workers = Workers() if workers is None else None
        self._workers = workers or self._own_workers
        assert self._workers is not None  # given or own
        self._crew = self._workers.crew
        self._admission = Admission(self._limits.max_waiting)
        self._mailboxes = Mailboxes()
        self._retired: list[JobLane] = []
        self._is_closed = False
        self._lane = self._new_lane(session)
        with self._crew.lock:
            self._crew.add(self._lane)

    @property
    def session(self) -> Session[RequestT, ResultT]:
        """The one that answers what is submitted now."""
        return self._lane.session

    @property
    def waiting(self) -> int:
        """How many requests wait for their first run."""
        return self._admission.waiting

    @property
    def outstanding(self) -> int:
        """How many requests were admitted and are not over."""
        return self._lane.outstanding + sum(lane.outstanding for lane in self._retired)

    def submit(self, request: RequestT | Mapping[str, object] | str, timeout: float | None = None) -> Future[ResultT]:
        """The future answer of a request, see `Session.__call__`; it is judged in its turn. `cancel` on it means that
        the request is not computed, where it has not begun to run.

        Args:
            timeout: seconds until a request that still waits ends with DeadlineExceeded; None: it has time.

        Raises:
            Overloaded: too many wait.
            BatcherClosed: `close` was called.
            BackendError: this process was forked from that of the batcher.
        """
        future: Future[ResultT] = Future()
        job = Job(request, timeout, functools.partial(settle, future))
        lane = self._enter([job])
        future.add_done_callback(functools.partial(cancel_with, lane, job))
        return future

    def begin(
        self, requests: Sequence[RequestT | Mapping[str, object] | str], timeout: float | None = None
    ) -> list[asyncio.Future[Answered[ResultT]]]:
        """The future answers of requests, admitted all or none, in the running event loop. Awaiting one raises what it
        met; cancelling it cancels its request. With `timeout` it ends in time, even while its request runs.

        Raises:
            Overloaded, BatcherClosed, BackendError: see `submit`.
        """
        mailbox = self._mailboxes.of(asyncio.get_running_loop())
        futures, jobs = mailbox.jobs(requests, timeout)
        lane = self._enter(jobs)
        for future, job in zip(futures, jobs, strict=True):
            mailbox.watch(future, job, lane)
        return futures

    async def answer(self, request: RequestT | Mapping[str, object] | str, timeout: float | None = None) -> ResultT:
        """The answer of one request, awaited; see `begin`.

        Raises:
            Overloaded, BatcherClosed, BackendError: see `submit`.
            DeadlineExceeded: it was not answered in `timeout` seconds.
            InputError: the request cannot be answered, with every problem.
        """
        (future,) = self.begin([request], timeout)
        return (await future).result

    def begin_run(
        self, feeds: Feeds, timeout: float | None = None
    ) -> asyncio.Future[Answered[dict[str, NDArray[np.float32]]]]:
        """The future outputs of the raw level, see `Session.run`: the arrays run as they are, in their turn.

        Raises:
            Overloaded, BatcherClosed, BackendError: see `submit`.
        """
        mailbox = self._mailboxes.of(asyncio.get_running_loop())
        (future,), (job,) = mailbox.jobs([feeds], timeout)
        job.is_raw = True
        mailbox.watch(future, job, self._enter([job]))
        return future

    def stream(self, request: RequestT | Mapping[str, object] | str, timeout: float | None = None) -> TextStream:
        """For text generation: the text as it grows, in parts that join to the result's `text`. It is submitted by this
        call.

        Raises:
            InputError: the bundle continues no texts; later, on iteration, the request cannot be answered.
            Overloaded, BatcherClosed, BackendError: see `submit`.
        """
        if not self.session.task.is_autoregressive:
            raise InputError(f"{self.session.task.name} has no text to stream, expected text-generation")
        mailbox = self._mailboxes.of(asyncio.get_running_loop())
        parts, future, job = mailbox.stream(request, timeout)
        lane = self._enter([job])
        mailbox.watch(future, job, lane)
        return TextStream(parts, future)

    def swap(self, session: Session[RequestT, ResultT]) -> Future[None]:
        """Answer with another session of the same task from now on. What was submitted before ends with the old one,
        which is then closed: that is when the future is done.

        Raises:
            InputError: the session is of another task.
            BatcherClosed: `close` was called.
        """
        if session.task is not self.session.task:
            raise InputError(f"the session is of {session.task.name}, expected {self.session.task.name}")
        self._crew.process.check()
        done: Future[None] = Future()
        lane = self._new_lane(session)
        with self._crew.lock:
            if not self._admission.is_open:
                raise BatcherClosed
            old, self._lane = self._lane, lane
            self._retired.append(old)
            self._crew.add(lane)
        self._retire(old, done)
        return done

    def drain(self, timeout: float | None = None) -> bool:
        """Take no more requests, and wait until every one that was admitted is over; whether they are, after `timeout`
        seconds."""
        self._crew.process.check()
        with self._crew.lock:
            self._admission.is_open = False
            return self._crew.settled.wait_for(lambda: not self.outstanding, timeout)

    def close(self, timeout: float | None = None) -> None:
        """`drain`, end with BatcherClosed what still waits after `timeout` seconds, and close the session. In a forked
        process nothing is done."""
        if not self._crew.process.is_here():
            return
        if not self.drain(timeout):
            for lane in (self._lane, *self._retired):
                lane.fail(BatcherClosed())
            self.drain()  # what runs ends by itself
        with self._crew.lock:
            was_closed, self._is_closed = self._is_closed, True
        if not was_closed:
            self._retire(self._lane, Future())
        if self._own_workers is not None:
            self._own_workers.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _new_lane(self, session: Session[RequestT, ResultT]) -> JobLane:
        make: Callable[..., JobLane] = GenerationLane if isinstance(session, GenerationSession) else RowLane
        return make(session, self._crew, self._admission, self._observer, self._limits)

    def _enter(self, jobs: Sequence[Job]) -> JobLane:
        self._crew.process.check()
        try:
            with self._crew.lock:
                self._admission.admit(len(jobs))
                lane = self._lane
                for job in jobs:
                    lane.submit(job)
        except (Overloaded, BatcherClosed) as error:
            cause: Rejection = "overloaded" if isinstance(error, Overloaded) else "closed"
            observed(lambda: self._observer.rejected(cause, len(jobs)))
            raise
        return lane

    def _retire(self, lane: JobLane, done: Future[None]) -> None:
        """Close a lane's session once nothing is outstanding."""

        def close() -> None:
            with self._crew.lock:
                if done.done() or lane.outstanding or not done.set_running_or_notify_cancel():
                    return
                self._crew.remove(lane)
                if lane in self._retired:
                    self._retired.remove(lane)
            lane.session.close()
            done.set_result(None)

        lane.on_idle = close
        close()
