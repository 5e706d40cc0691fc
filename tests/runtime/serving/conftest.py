"""Real bundles to serve, and an engine that can be held back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.spoilt import spoil

from bert_runtime.backends.engine import Array, Engine
from bert_runtime.cpus import available_cpus
from bert_runtime.loading import load
from bert_runtime.options import Options
from bert_runtime.serving import Batcher
from bert_runtime.session import Session

GOLDEN = Path(__file__).parents[2] / "golden/v1"
SERVING = Options(mode="serving", threads=2)

Open = Callable[[str], Session[Any, Any]]


@pytest.fixture(scope="session")
def spoilt_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text classification whose engine refuses one word, and gives another what is no number."""
    return spoil("text-classification", tmp_path_factory.mktemp("served") / "bundle")


@pytest.fixture
def opened(spoilt_bundle: Path) -> Iterator[Open]:
    """Opens a bundle by the name of its golden files, or `spoilt`; what nobody closed is closed at the end."""
    sessions = []

    def open_session(name: str) -> Session[Any, Any]:
        session: Session[Any, Any] = load(spoilt_bundle if name == "spoilt" else GOLDEN / name, options=SERVING)
        sessions.append(session)
        return session

    yield open_session
    for session in sessions:
        session.close()


class GatedEngine:
    """A session's own engine, whose runs wait while the gate is closed; it counts what it ran."""

    def __init__(self, engine: Engine) -> None:
        self.name = engine.name
        self.gate = threading.Event()
        self.entered = threading.Semaphore(0)
        self.batches: list[tuple[int, ...]] = []
        self._engine = engine

    def run(self, feeds: Mapping[str, Array], fetch: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """See Engine."""
        self.batches.append(feeds["input_ids"].shape)
        self.entered.release()
        assert self.gate.wait(30), "nobody opened the gate"
        return self._engine.run(feeds, fetch)

    def run_into(self, feeds: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        """See Engine."""
        self.batches.append(feeds["input_ids"].shape)
        self.entered.release()
        assert self.gate.wait(30), "nobody opened the gate"
        self._engine.run_into(feeds, outputs)

    def close(self) -> None:
        """See Engine."""
        self._engine.close()


def gated(session: Session[Any, Any]) -> GatedEngine:
    """Put a gate, which is closed, before the session's engine."""
    engine = GatedEngine(session.engine)
    session.engine = engine
    return engine


def occupied(batcher: Batcher[Any, Any], engine: GatedEngine) -> list[Future[Any]]:
    """Requests that keep every thread at the gate: what comes after them waits."""
    futures = []
    for _ in range(min(batcher.session.concurrency, available_cpus())):
        futures.append(batcher.submit("a film"))
        assert engine.entered.acquire(timeout=10)
    return futures
