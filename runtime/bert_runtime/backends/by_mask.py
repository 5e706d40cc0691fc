"""Two artefacts for one engine: one is faster and answers right-padded masks alone, the other answers every mask."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bert_runtime.backends.engine import Array, Engine
from bert_runtime.backends.on_demand import EngineOnDemand


def first_not_right_padded(mask: NDArray[np.int64]) -> int | None:
    """The first row of (..., sequence) that is not ones, then zeros, with one 1 at least; None if all are."""
    rows = mask.reshape(-1, mask.shape[-1])
    wrong = np.flatnonzero((rows[:, 1:] > rows[:, :-1]).any(axis=1) | (rows[:, 0] != 1) | (rows.min(axis=1) < 0))
    return int(wrong[0]) if wrong.size else None


class EngineByMask:
    """See Engine. The artefact for any mask is loaded by the first call that needs it: most programs never do."""

    def __init__(self, right_padded: Engine, start_any: Callable[[], Engine]) -> None:
        """`right_padded` is loaded; `start_any` loads the other one, and may raise BackendError, or later succeed."""
        self.name = right_padded.name
        self._right_padded, self._any = right_padded, EngineOnDemand(right_padded.name, start_any)

    def run(self, feeds: Mapping[str, Array], fetch: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """See Engine."""
        return self.engine_of(feeds).run(feeds, fetch)

    def run_into(self, feeds: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        """See Engine."""
        self.engine_of(feeds).run_into(feeds, outputs)

    def close(self) -> None:
        """See Engine."""
        self._right_padded.close()
        self._any.close()

    def engine_of(self, feeds: Mapping[str, Array]) -> Engine:
        """The one that answers this batch right; loaded, if it was not yet.

        Raises:
            BackendError: it cannot be loaded, or the session is closed.
        """
        if first_not_right_padded(feeds["attention_mask"]) is None:
            return self._right_padded
        return self._any.engine()
