"""What the session asks of an engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Engine(Protocol):
    """An artefact, loaded and ready. `run` may be called from several threads at once.

    Attributes:
        name: the engine and where it runs, for people: `onnxruntime 1.31.1 CPUExecutionProvider`.
    """

    name: str

    def run(self, feeds: Mapping[str, NDArray[np.int64]], fetch: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """The outputs named in `fetch`.

        Raises:
            BackendError: the engine refused the feeds.
        """

    def close(self) -> None:
        """Free the artefact; `run` must not be called afterwards."""
