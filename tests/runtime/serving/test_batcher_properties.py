"""Whatever arrives, fails, is cancelled or comes too late: each request has its own answer, equal to the serial one, or
its own error; nothing is lost, and nobody waits."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.runtime.serving.conftest import GOLDEN, SERVING
from tests.spoilt import BEYOND, NOT_A_NUMBER

from bert_runtime.errors import BackendError, InputError
from bert_runtime.loading import load
from bert_runtime.serving import (
    Batcher,
    BatcherClosed,
    DeadlineExceeded,
    Overloaded,
    QueueLimits,
    RequestRecord,
    Workers,
)
from bert_runtime.serving.observer import BatchRecord, Rejection

WORDS = ("a", "the", "film", "good", "bad")
Right = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Arrival:
    """A request, what is to become of it, and the seconds before it comes."""

    text: str
    fate: str
    pause: float


def arrivals(size: int = 40) -> st.SearchStrategy[list[Arrival]]:
    texts = st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join)
    fates = st.sampled_from(["answer"] * 6 + ["nan", "beyond", "wrong", "cancel", "late", "tight"])
    return st.lists(st.builds(Arrival, texts, fates, st.sampled_from([0.0] * 5 + [0.001])), min_size=1, max_size=size)


class Counting:
    """An observer that counts."""

    def __init__(self) -> None:
        self.ended: list[RequestRecord] = []
        self.batches: list[BatchRecord] = []
        self.refused = 0

    def request_ended(self, record: RequestRecord) -> None:
        self.ended.append(record)

    def batch_ran(self, record: BatchRecord) -> None:
        self.batches.append(record)

    def rejected(self, cause: Rejection, count: int) -> None:
        self.refused += count


class Served:
    """Two sessions of one bundle: one answers alone, the other is served."""

    def __init__(self, bundle: Any) -> None:
        self.serial = load(bundle, options=SERVING)
        self.observer = Counting()
        self.workers = Workers(3)
        self.batcher: Batcher[Any, Any] = Batcher(
            load(bundle, options=SERVING), self.workers, QueueLimits(max_waiting=30, max_batch_tokens=64), self.observer
        )
        self._right: dict[str, Right] = {}

    def right(self, text: str) -> Right:
        """The serial answer."""
        if text not in self._right:
            self._right[text] = key(self.serial(text))
        return self._right[text]

    def close(self) -> None:
        self.batcher.close()
        self.workers.close()
        self.serial.close()


@pytest.fixture(scope="module")
def served(spoilt_bundle: Any) -> Iterator[Served]:
    before = set(threading.enumerate())
    made = Served(spoilt_bundle)
    yield made
    made.close()
    assert set(threading.enumerate()) <= before


def key(result: Any) -> Right:
    return tuple((each.label, each.score) for each in result.labels)


def request_of(arrival: Arrival) -> Any:
    return {
        "nan": f"{arrival.text} {NOT_A_NUMBER}",
        "beyond": f"{BEYOND} {arrival.text}",
        "wrong": {"text": arrival.text, "top_k": 0},
    }.get(arrival.fate, {"text": arrival.text})


def timeout_of(arrival: Arrival) -> float | None:
    return {"late": -1.0, "tight": 0.003}.get(arrival.fate)


EXPECTED: dict[str, tuple[type[BaseException], ...]] = {
    "answer": (),
    "nan": (BackendError,),
    "beyond": (BackendError,),
    "wrong": (InputError,),
    "cancel": (CancelledError, asyncio.CancelledError),
    "late": (DeadlineExceeded,),
    "tight": (DeadlineExceeded,),
}


def judge(served: Served, arrival: Arrival, outcome: object) -> None:
    """Whether it is the answer of this request, or an error that it may have."""
    if isinstance(outcome, BaseException):
        assert isinstance(outcome, (*EXPECTED[arrival.fate], Overloaded)), (arrival, outcome)
    else:
        assert arrival.fate in ("answer", "cancel", "tight"), (arrival, outcome)
        right = served.right(arrival.text)
        assert [label for label, _ in key(outcome)] == [label for label, _ in right]
        assert [score for _, score in key(outcome)] == pytest.approx([score for _, score in right], abs=1e-5)


@given(arrivals())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_threads_get_their_own(served: Served, coming: list[Arrival]) -> None:
    futures: list[Future[Any] | Overloaded] = []
    for arrival in coming:
        time.sleep(arrival.pause)
        try:
            future = served.batcher.submit(request_of(arrival), timeout_of(arrival))
        except Overloaded as error:
            futures.append(error)
            continue
        futures.append(future)
        if arrival.fate == "cancel":
            future.cancel()
    for arrival, given_one in zip(coming, futures, strict=True):
        judge(served, arrival, given_one if isinstance(given_one, Overloaded) else _outcome(given_one))


def _outcome(future: Future[Any]) -> object:
    try:
        return future.result(30)
    except (Exception, CancelledError) as error:
        return error


@given(arrivals())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_tasks_get_their_own(served: Served, coming: list[Arrival]) -> None:
    async def ask(arrival: Arrival, delay: float) -> object:
        await asyncio.sleep(delay)
        return await served.batcher.answer(request_of(arrival), timeout_of(arrival))

    async def main() -> list[object]:
        tasks, delay = [], 0.0
        for arrival in coming:
            delay += arrival.pause
            tasks.append(asyncio.ensure_future(ask(arrival, delay)))
        await asyncio.sleep(0.002)
        for arrival, task in zip(coming, tasks, strict=True):
            if arrival.fate == "cancel":
                task.cancel()
        return await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 30)

    for arrival, outcome in zip(coming, asyncio.run(main()), strict=True):
        judge(served, arrival, outcome)


def test_a_seeded_storm_of_threads_loses_and_crosses_nothing(spoilt_bundle: Any) -> None:
    before, served = set(threading.enumerate()), Served(spoilt_bundle)
    asked = [0]
    lock = threading.Lock()

    def client(seed: int) -> None:
        draw = random.Random(seed)
        for _ in range(60):
            text = " ".join(draw.choices(WORDS, k=draw.randrange(20)))
            fate = draw.choice(["answer"] * 8 + ["nan", "beyond", "wrong", "cancel", "late", "tight"])
            arrival = Arrival(text, fate, 0)
            try:
                future = served.batcher.submit(request_of(arrival), timeout_of(arrival))
            except Overloaded:
                time.sleep(0.002)
                continue
            with lock:
                asked[0] += 1
            if fate == "cancel":
                future.cancel()
            if draw.random() < 0.7:
                judge(served, arrival, _outcome(future))
            else:
                future.add_done_callback(lambda done, own=arrival: judged.append((own, _outcome(done))))  # type: ignore[misc]

    judged: list[tuple[Arrival, object]] = []
    failures: list[BaseException] = []

    def guarded(seed: int) -> None:
        try:
            client(seed)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(seed,)) for seed in range(12)]
    for thread in threads:
        thread.start()
    for _ in range(3):  # meanwhile the bundle is swapped for itself
        time.sleep(0.05)
        served.batcher.swap(load(spoilt_bundle, options=SERVING))
    for thread in threads:
        thread.join(60)
    served.batcher.close()
    for arrival, outcome in judged:
        judge(served, arrival, outcome)
    served.close()
    assert not failures
    assert served.batcher.outstanding == served.batcher.waiting == 0
    assert len(served.observer.ended) == asked[0]
    assert all(record.filled <= record.tokens for record in served.observer.batches)
    assert set(threading.enumerate()) <= before
    with pytest.raises(BatcherClosed):
        served.batcher.submit("a")


def test_a_long_context_and_short_questions_share_the_threads() -> None:
    bundle = GOLDEN / "question-answering"
    serial = load(bundle, options=SERVING)
    requests = [{"question": "the film", "context": "a good film the bad " * n} for n in (1, 200, 2, 40, 1)] * 4
    expected = [serial(request) for request in requests]
    with Batcher(load(bundle, options=SERVING), limits=QueueLimits(max_batch_tokens=64)) as batcher:
        futures = [batcher.submit(request) for request in requests]
        for future, own in zip(futures, expected, strict=True):
            got = future.result(60)
            assert [(each.start, each.end) for each in got.answers] == [(each.start, each.end) for each in own.answers]
    serial.close()
