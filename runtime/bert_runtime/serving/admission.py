"""Which requests a batcher takes: a bound on those that wait, looked at before anything is done with a request."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated

from bert_runtime.errors import InputError
from bert_runtime.fields import Range, settle
from bert_runtime.serving.errors import BatcherClosed, Overloaded

_SMOOTHING = 0.05
"""How much a new interval between answers counts against those before it."""


@dataclass(frozen=True)
class QueueLimits:
    """How much a batcher takes, and how it cuts it.

    Attributes:
        max_waiting: the most requests that wait for their first run; what comes then is Overloaded. A caller waits for
            at most so many others: the longest wait is this number divided by the rate.
        max_batch_tokens: the most tokens in a batch, padding included. A CPU is full at about 160; larger batches
            lengthen the wait of those that share them.
        max_batch_size: the most rows of a batch, or the fewer that the session takes.

    Raises:
        InputError: on construction, with every value of a wrong type or out of range.
    """

    max_waiting: Annotated[int, Range(1)] = 256
    max_batch_tokens: Annotated[int, Range(1)] = 512
    max_batch_size: Annotated[int, Range(1)] = 64

    def __post_init__(self) -> None:
        problems = settle(self)
        if problems:
            raise InputError(problems)


class Admission:
    """How many requests wait, and whether more may. The caller holds the workers' lock in every method."""

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self.waiting = 0
        self.is_open = True
        self._interval = 0.0
        self._last = 0.0

    def admit(self, count: int) -> None:
        """Count `count` requests as waiting, all of them or none.

        Raises:
            BatcherClosed: the batcher takes none any more.
            Overloaded: so many more may not wait.
        """
        if not self.is_open:
            raise BatcherClosed
        if self.waiting + count > self.bound:
            raise Overloaded(self.waiting, self.bound, self.waiting * self._interval, count)
        self.waiting += count

    def leave(self) -> None:
        """A request waits no more: it runs, or is over."""
        self.waiting -= 1

    def answered(self) -> None:
        """An answer was given now: what the rate is told from."""
        now = time.monotonic()
        if self._last:
            # After a pause the queue was empty: that interval says nothing of the rate.
            interval = min(now - self._last, 1.0)
            self._interval += _SMOOTHING * (interval - self._interval)
        self._last = now
