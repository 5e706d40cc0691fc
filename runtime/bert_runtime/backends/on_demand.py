"""An engine that is loaded by the first call that needs it: most programs never do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bert_runtime.backends.engine import Array, Engine
from bert_runtime.errors import BackendError


class EngineOnDemand:
    """See Engine."""

    def __init__(self, name: str, start: Callable[[], Engine]) -> None:
        """`name` says what `start` loads. It may raise BackendError, or later succeed."""
        self.name = name
        self._start = start
        self._engine: Engine | None = None
        self._closed = False
        self._lock = threading.Lock()

    def run(self, feeds: Mapping[str, Array], fetch: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """See Engine."""
        return self.engine().run(feeds, fetch)

    def run_into(self, feeds: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        """See Engine."""
        self.engine().run_into(feeds, outputs)

    def close(self) -> None:
        """See Engine."""
        with self._lock:
            self._closed = True
            if self._engine is not None:
                self._engine.close()

    def engine(self) -> Engine:
        """What was loaded; it is now, if it was not yet.

        Raises:
            BackendError: it cannot be loaded, or the session is closed.
        """
        with self._lock:
            if self._closed:
                raise BackendError("the session is closed; load the bundle again")
            if self._engine is None:
                self._engine = self._start()
            return self._engine
