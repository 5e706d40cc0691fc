"""One artefact, loaded twice: a call that is alone takes every CPU, and calls that fill the CPUs take one each.

Threads that wait for each other after every operator cost time that a call of one thread does not lose. Where as many
calls run as there are CPUs, one thread each gives more answers; where fewer run, idle CPUs make each answer sooner.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from bert_runtime.backends.engine import Array, Engine


class EngineByLoad:
    """See Engine."""

    def __init__(self, wide: Engine, narrow: Engine, calls: int) -> None:
        """`wide` gives a call every CPU and `narrow` one; a call that makes `calls` of them runs on `narrow`."""
        self.name = wide.name
        self._wide, self._narrow, self._calls = wide, narrow, calls
        self._running = 0
        self._lock = threading.Lock()

    def run(self, feeds: Mapping[str, Array], fetch: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """See Engine."""
        with self._taken() as engine:
            return engine.run(feeds, fetch)

    def run_into(self, feeds: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        """See Engine."""
        with self._taken() as engine:
            engine.run_into(feeds, outputs)

    def close(self) -> None:
        """See Engine."""
        self._wide.close()
        self._narrow.close()

    @contextmanager
    def _taken(self) -> Iterator[Engine]:
        """The engine of a call that begins now."""
        with self._lock:
            self._running += 1
            engine = self._narrow if self._running >= self._calls else self._wide
        try:
            yield engine
        finally:
            with self._lock:
                self._running -= 1
