"""Threads that several batchers share: each lane's work in its turn, so that no bundle starves another.

The turns are those of start-time fair queueing (Goyal, Vin and Cheng 1996): a lane's clock advances by the time that
its work took, and the lane whose clock is furthest behind comes next. A lane that was idle begins at the others' time.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from typing import Protocol

from bert_runtime.cpus import available_cpus
from bert_runtime.errors import InputError
from bert_runtime.process import Process

Work = Callable[[], None]
"""A piece of a lane's work, done under no lock. It raises nothing."""


class Lane(Protocol):
    """A bundle's work. Its methods are called under the workers' lock.

    Attributes:
        clock: seconds of work that it was given, counted as the module says.
    """

    clock: float

    def has_work(self) -> bool:
        """Whether `take` would give any."""

    def take(self, free: int) -> Work:
        """The next piece of work; `free` threads, the asking one among them, have none at the moment."""


class Crew:
    """The threads, their lock and the lanes: what `Workers` owns, and what its threads know."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.process = Process()
        self.lock = threading.Lock()
        self.settled = threading.Condition(self.lock)
        """Notified whenever a lane has nothing outstanding any more."""
        self._free = threading.Condition(self.lock)
        self._lanes: list[Lane] = []
        self._busy: dict[Lane, int] = {}
        self._idle = 0
        self._time = 0.0
        self._is_closed = False
        self.threads = [
            threading.Thread(target=self._serve, name=f"bert-runtime-serving-{n}", daemon=True) for n in range(count)
        ]
        for thread in self.threads:
            thread.start()

    def add(self, lane: Lane) -> None:
        """Begin to work for a lane; under the lock."""
        lane.clock = self._time
        self._lanes.append(lane)

    def remove(self, lane: Lane) -> None:
        """Work for it no more; under the lock."""
        self._lanes.remove(lane)

    def wake(self, lane: Lane) -> None:
        """There is work that was not there before; under the lock."""
        if lane not in self._busy:  # it was idle, and saves up no time
            lane.clock = max(lane.clock, self._time)
        self._call()

    def _call(self) -> None:
        """One idle thread looks for work."""
        if self._idle:
            self._free.notify()

    def close(self) -> None:
        """End the threads, each after the work that it has begun."""
        if not self.process.is_here():  # a forked process has none of them, and perhaps a lock that nobody lets go
            return
        with self.lock:
            self._is_closed = True
            self._free.notify_all()
        for thread in self.threads:
            if thread is not threading.current_thread():
                thread.join()

    def _serve(self) -> None:
        while True:
            with self.lock:
                lane = self._next_lane()
                if lane is None:
                    return
                work = lane.take(self.count - sum(self._busy.values()))
                self._busy[lane] = self._busy.get(lane, 0) + 1
                if any(other.has_work() for other in self._lanes):
                    self._call()
            began = time.monotonic()
            work()
            del work
            self._worked(lane, time.monotonic() - began)

    def _next_lane(self) -> Lane | None:
        """The lane whose turn it is, waited for; None once there is to be no more work."""
        while not self._is_closed:
            lanes = [lane for lane in self._lanes if lane.has_work()]
            if lanes:
                lane = min(lanes, key=lambda lane: lane.clock)
                self._time = max(self._time, lane.clock)
                return lane
            self._idle += 1
            self._free.wait()
            self._idle -= 1
        return None

    def _worked(self, lane: Lane, seconds: float) -> None:
        with self.lock:
            lane.clock += seconds
            self._busy[lane] -= 1
            if not self._busy[lane]:
                del self._busy[lane]


class Workers:
    """Threads for one batcher or several. They end with `close`, or with the last reference to this."""

    def __init__(self, count: int | None = None) -> None:
        """Start `count` threads; None: one for each CPU that this process may use.

        Raises:
            InputError: `count` is no number of threads.
        """
        if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
            raise InputError(f"count is {count!r}, expected 1 or more, or None for a thread on each CPU")
        self.crew = Crew(available_cpus() if count is None else count)
        self._finalizer = weakref.finalize(self, self.crew.close)

    def close(self) -> None:
        """End the threads. Close the batchers first: what waits is never answered otherwise."""
        self._finalizer()
