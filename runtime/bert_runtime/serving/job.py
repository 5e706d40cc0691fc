"""A request on its way through a batcher."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum
from typing import Any

from bert_runtime.errors import BertError, InputError
from bert_runtime.serving.answered import Answered
from bert_runtime.serving.errors import BatcherClosed, DeadlineExceeded
from bert_runtime.serving.observer import Outcome, RequestRecord
from bert_runtime.session import Prepared
from bert_runtime.tasks.task import Outputs


class State(Enum):
    """How far a request is."""

    WAITING = "waiting"
    RUNNING = "running"
    """Its first row has begun to run: it can be cancelled no more."""
    DONE = "done"


Deliver = Callable[[Answered[Any] | None, BertError | None], None]
"""Takes a request's answer, or the error in its place. Called once, by any thread and under no lock."""


class Job:
    """One request. Its fields are changed under the workers' lock, but for the times of a step by who takes the step.

    Attributes:
        request: as the caller gave it.
        expires: `time.monotonic()` at its deadline; infinite where it has none.
        prepared: the request, checked and encoded; None before that.
        outputs: by row, those that were run.
        is_alone: whether it is tried alone, after a batch that it was in failed.
        is_left: whether its caller waits no more, though it runs.
        is_raw: whether the request is the inputs of the graph, which run as they are.
        tell: for a text that is streamed: takes each part of it as it grows; else None.
    """

    __slots__ = (
        "_deliver",
        "_encoded",
        "_encoding",
        "_started",
        "_submitted",
        "expires",
        "is_alone",
        "is_left",
        "is_raw",
        "outputs",
        "prepared",
        "request",
        "state",
        "tell",
        "timeout",
        "tokens",
    )

    def __init__(
        self, request: object, timeout: float | None, deliver: Deliver, tell: Callable[[str], None] | None = None
    ) -> None:
        self.request = request
        self.timeout = timeout
        self.state = State.WAITING
        self.prepared: Prepared[Any] | None = None
        self.outputs: dict[int, Outputs] = {}
        self.tokens = 0
        self.is_alone = self.is_left = self.is_raw = False
        self.tell = tell
        self._deliver = deliver
        self._submitted = time.monotonic()
        self._encoding = self._encoded = self._started = 0.0
        self.expires = float("inf") if timeout is None else self._submitted + timeout

    def is_expired(self) -> bool:
        """Whether its deadline has passed."""
        return self.timeout is not None and time.monotonic() > self.expires

    def deadline_error(self) -> DeadlineExceeded:
        """What it ends with once it is expired."""
        return DeadlineExceeded(self.timeout or 0.0)

    def encoding(self) -> None:
        """Its encoding begins."""
        self._encoding = time.monotonic()

    def encoded(self, prepared: Prepared[Any], tokens: int) -> None:
        """Its encoding is done."""
        self.prepared, self.tokens = prepared, tokens
        self._encoded = time.monotonic()

    def started(self) -> None:
        """Its first run begins."""
        self.state, self._started = State.RUNNING, time.monotonic()

    def deliver(self, result: object, error: BertError | None) -> None:
        """Give the caller what there is."""
        self._deliver(None if error else Answered(result, self.tokens), error)

    def record(self, error: BertError | None, is_cancelled: bool = False) -> RequestRecord:
        """Its way, once it is over. A step that it never came to took no time."""
        ended = time.monotonic()
        encoding = self._encoding or ended
        encoded = self._encoded or max(encoding, ended)
        started = self._started or ended
        if self.is_left:  # it ran to no purpose
            is_cancelled, error = not self.is_expired(), self.deadline_error()
        return RequestRecord(
            "cancelled" if is_cancelled else _outcome(error),
            self.tokens,
            queued=encoding - self._submitted,
            encoded=encoded - encoding,
            gathered=max(0.0, started - encoded),
            ran=ended - started,
        )


def _outcome(error: BertError | None) -> Outcome:
    match error:
        case None:
            return "answered"
        case InputError():
            return "refused"
        case DeadlineExceeded():
            return "expired"
        case BatcherClosed():
            return "closed"
        case _:
            return "failed"
