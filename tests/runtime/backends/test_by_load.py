"""A call that is alone has every CPU, and one that fills them has one; answers are the same."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.runtime.backends.conftest import GOLDEN

from bert_runtime import Options, load
from bert_runtime.backends.by_load import EngineByLoad
from bert_runtime.backends.engine import Array
from bert_runtime.backends.onnxruntime import OnnxRuntimeEngine
from bert_runtime.errors import BackendError

BUNDLE = GOLDEN / "text-classification"


class Held:
    """An engine whose calls last until they are let go."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.begun = threading.Semaphore(0)
        self.let_go = threading.Semaphore(0)
        self.calls = 0

    def run(self, feeds: Mapping[str, Array], fetch: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        self.calls += 1
        self.begun.release()
        assert self.let_go.acquire(timeout=30)
        if "fail" in fetch:
            raise BackendError("it failed")
        return {}

    def run_into(self, feeds: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        self.run(feeds, ())

    def close(self) -> None: ...


def test_the_call_that_fills_the_cpus_has_one_thread_and_those_before_it_have_all() -> None:
    wide, narrow = Held("wide"), Held("narrow")
    engine = EngineByLoad(wide, narrow, 3)
    threads = [threading.Thread(target=engine.run, args=({}, ())) for _ in range(4)]
    for thread, expected in zip(threads, (wide, wide, narrow, narrow), strict=True):
        thread.start()
        assert expected.begun.acquire(timeout=30)
    for held in (wide, narrow):
        held.let_go.release(2)
    for thread in threads:
        thread.join()
    assert (wide.calls, narrow.calls) == (2, 2)
    wide.let_go.release()
    engine.run_into({}, {})
    assert wide.calls == 3  # all are over: this one is alone


def test_a_call_that_fails_leaves_its_place() -> None:
    wide = Held("wide")
    engine = EngineByLoad(wide, Held("narrow"), 2)
    wide.let_go.release(2)
    for _ in range(2):
        with pytest.raises(BackendError):
            engine.run({}, ("fail",))
    assert wide.calls == 2


@pytest.mark.parametrize(("threads", "kind"), [(1, OnnxRuntimeEngine), (2, EngineByLoad)])
def test_serving_on_several_cpus_loads_both_and_on_one_cpu_one(threads: int, kind: type[object]) -> None:
    with load(BUNDLE, options=Options(mode="serving", threads=threads)) as session:
        assert type(session.engine) is kind
        assert session.concurrency == threads


def test_both_engines_answer_alike_and_close_together() -> None:
    texts = ["a warm, funny film", "no", "a text of some more words than the others have"]
    with load(BUNDLE) as session:
        expected = list(session.predict(texts))
    served = load(BUNDLE, options=Options(mode="serving", threads=2))
    assert isinstance(served.engine, EngineByLoad)
    found: list[object] = []
    callers = [threading.Thread(target=lambda: found.append(list(served.predict(texts)))) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert [[str(answer) for answer in answers] for answers in found if isinstance(answers, list)] == [
        [str(answer) for answer in expected]
    ] * 8
    served.close()
    with pytest.raises(BackendError, match="closed"):
        served("a text")
