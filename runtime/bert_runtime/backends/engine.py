"""What the session asks of an engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from bert_runtime.errors import BackendError
from bert_runtime.manifest import Artefact, Graph

Array = NDArray[Any]


class Engine(Protocol):
    """An artefact, loaded and ready. `run` may be called from several threads at once.

    Attributes:
        name: the engine and where it runs, for people: `onnxruntime 1.31.1 CPUExecutionProvider`.
    """

    name: str

    def run(self, feeds: Mapping[str, Array], fetch: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """The outputs named in `fetch`.

        Raises:
            BackendError: the engine refused the feeds.
        """

    def run_into(self, feeds: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        """Write outputs into arrays of their shapes: inputs and outputs are read and written where they lie.

        All arrays are C contiguous, and none shares memory with another.

        Raises:
            BackendError: the engine refused the arrays.
        """

    def close(self) -> None:
        """Free the artefact; `run` must not be called afterwards."""


@dataclass(frozen=True)
class PackedEngine:
    """The graph for texts that share rows, and the engine that runs it."""

    graph: Graph
    engine: Engine


@dataclass(frozen=True)
class LoadedArtefact:
    """An artefact and the engine that runs it.

    Attributes:
        active_target: where it really runs: the artefact's target, or cpu where one made for another engine runs on
            ONNX Runtime's CPU provider.
        reason: why this target, and what kept those that `auto` tries before it from running.
        right_padded: the artefact that runs in place of `artefact` for right-padded masks; None where that runs alone.
        packed: what answers rows of texts; None where each text has a row of its own.
    """

    artefact: Artefact
    engine: Engine
    active_target: str
    reason: str
    right_padded: Artefact | None = None
    packed: PackedEngine | None = None

    @classmethod
    def of(cls, artefact: Artefact, engine: Engine) -> Self:
        """An engine that was not chosen by `select`."""
        return cls(artefact, engine, artefact.target, "the engine was given")


def make_cache(folder: Path, mode: int = 0o777) -> None:
    """Make the folder where an engine keeps what it compiles; `mode` is its own, less what the umask takes.

    Raises:
        BackendError: it cannot be made.
    """
    try:
        folder.mkdir(mode, parents=True, exist_ok=True)
    except OSError as error:
        raise BackendError(
            f"cache: {folder} cannot be made ({error.strerror}); name a directory that can be written to"
        ) from error
