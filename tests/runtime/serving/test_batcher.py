"""A batcher: each caller's own answer, equal to the serial one, or its own error; nothing lost, and nothing left."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, wait
from typing import Any

import pytest
from tests.runtime.serving.conftest import GOLDEN, SERVING, Open, gated, occupied
from tests.spoilt import BEYOND, NOT_A_NUMBER

from bert_runtime.errors import BackendError, InputError
from bert_runtime.loading import load
from bert_runtime.options import Options
from bert_runtime.record_writers import to_json
from bert_runtime.serving import Batcher, BatcherClosed, DeadlineExceeded, Overloaded, QueueLimits, Workers
from bert_runtime.session import Session

TEXTS = ["a film", "the good film", "bad", "a bad film the", "", "the " * 12, "good good good"]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def scores(result: Any) -> list[tuple[str, Any]]:
    return [(each.label, pytest.approx(each.score, abs=1e-5)) for each in result.labels]


def test_every_head_answers_as_its_session_does(opened: Open) -> None:
    for name in ("feature-extraction", "fill-mask", "multiple-choice", "next-sentence-prediction", "pretraining"):
        _same_answers(opened, name)
    for name in ("question-answering", "text-classification", "token-classification"):
        _same_answers(opened, name)


def _same_answers(opened: Open, name: str) -> None:
    session = opened(name)
    requests = [dict(request) for request in session.task.examples_for(session.text)] * 3
    expected = list(session.predict(requests, errors="return"))
    with Batcher(opened(name)) as batcher:
        futures = [batcher.submit(request) for request in requests]
        wait(futures)
        for future, own in zip(futures, expected, strict=True):
            if isinstance(own, InputError):
                assert isinstance(future.exception(), InputError)
            else:
                _assert_close(future.result(), own)


def _assert_close(got: Any, expected: Any) -> None:
    def flat(value: Any) -> Iterator[Any]:
        if isinstance(value, dict):
            value = list(value.items())
        if isinstance(value, list | tuple):
            for part in value:
                yield from flat(part)
        else:
            yield pytest.approx(value, abs=1e-4) if isinstance(value, float) else value

    assert list(flat(to_json(got))) == list(flat(to_json(expected)))


def test_what_gathers_while_the_engine_is_busy_is_one_batch(opened: Open) -> None:
    session = opened("text-classification")
    engine = gated(session)
    with Batcher(session) as batcher:
        first = occupied(batcher, engine)
        rest = [batcher.submit({"text": "the film"}) for _ in range(8)]
        engine.gate.set()
        wait(first + rest)
    assert sorted(rows for rows, _ in engine.batches) == [1] * len(first) + [8]


def test_a_failing_request_fails_alone(opened: Open) -> None:
    session = opened("spoilt")
    engine = gated(session)
    requests: list[Any] = ["a film", BEYOND, NOT_A_NUMBER, "bad film", 7, {"text": "a", "top_k": 0}, "a good film"]
    with Batcher(session) as batcher:
        futures = occupied(batcher, engine)
        futures += [batcher.submit(request) for request in requests]
        engine.gate.set()
        errors = [future.exception() for future in futures][-len(requests) :]
    assert [type(error) for error in errors] == [
        type(None),
        BackendError,
        BackendError,
        type(None),
        InputError,
        InputError,
        type(None),
    ]
    assert "could not run the graph" in str(errors[1])
    assert "not finite" in str(errors[2])
    assert "top_k is 0" in str(errors[5])


def test_a_full_queue_refuses_at_once_and_all_or_none(opened: Open) -> None:
    session = opened("text-classification")
    engine = gated(session)
    with Batcher(session, limits=QueueLimits(max_waiting=4)) as batcher:
        running = occupied(batcher, engine) + [batcher.submit("a") for _ in range(4)]
        began = time.perf_counter()
        with pytest.raises(Overloaded, match="4 requests are waiting"):
            batcher.submit("a")
        assert time.perf_counter() - began < 0.01
        engine.gate.set()
        wait(running)
        with pytest.raises(Overloaded, match="with 5 more there would be more than 4"):
            asyncio.run(_begin(batcher, 5))
        assert batcher.waiting == 0


async def _begin(batcher: Batcher[Any, Any], count: int) -> None:
    await asyncio.gather(*batcher.begin(["a"] * count))


def test_a_refusal_takes_no_tenth_of_a_millisecond(opened: Open) -> None:
    session = opened("text-classification")
    engine = gated(session)
    with Batcher(session, limits=QueueLimits(max_waiting=1)) as batcher:
        occupied(batcher, engine)
        batcher.submit("a")
        times = []
        for _ in range(200):
            began = time.perf_counter()
            with pytest.raises(Overloaded):
                batcher.submit("a " * 10_000)
            times.append(time.perf_counter() - began)
        engine.gate.set()
    assert sorted(times)[100] < 1e-4


def test_a_cancelled_request_is_not_computed(opened: Open) -> None:
    session = opened("text-classification")
    engine = gated(session)
    with Batcher(session) as batcher:
        running = occupied(batcher, engine)
        waiting = [batcher.submit("the film") for _ in range(6)]
        assert all(future.cancel() for future in waiting)
        assert batcher.waiting == 0
        engine.gate.set()
        wait(running)
    assert sum(rows for rows, _ in engine.batches) == len(running)
    with pytest.raises(CancelledError):
        waiting[0].result()


def test_a_cancelled_task_frees_its_place(opened: Open) -> None:
    session = opened("text-classification")
    engine = gated(session)

    async def main() -> None:
        running = occupied(batcher, engine)
        tasks = [asyncio.ensure_future(batcher.answer("a film")) for _ in range(5)]
        await asyncio.sleep(0.01)
        assert batcher.waiting == 5
        for task in tasks:
            task.cancel()
        await asyncio.sleep(0.01)
        assert batcher.waiting == 0
        engine.gate.set()
        wait(running)

    with Batcher(session, limits=QueueLimits(max_waiting=8)) as batcher:
        asyncio.run(main())


def test_a_deadline_ends_what_waits_and_what_runs_for_its_caller(opened: Open) -> None:
    session = opened("text-classification")
    engine = gated(session)

    async def main() -> None:
        began = time.monotonic()
        futures = batcher.begin(["a film", "the film", "bad"], timeout=0.1)
        answers = await asyncio.gather(*futures, return_exceptions=True)
        assert all(isinstance(answer, DeadlineExceeded) for answer in answers)
        assert time.monotonic() - began < 5
        engine.gate.set()

    with Batcher(session) as batcher:
        asyncio.run(main())
        late = batcher.submit("a film", timeout=-1)
        assert isinstance(late.exception(), DeadlineExceeded)
        assert batcher.submit("a film", timeout=30).result().labels


def test_closing_answers_what_was_admitted_and_refuses_what_comes(opened: Open) -> None:
    session = opened("text-classification")
    batcher = Batcher(session)
    futures = [batcher.submit(text) for text in TEXTS * 8]
    batcher.close()
    batcher.close()  # once more changes nothing
    assert all(future.done() and future.result().labels for future in futures)
    with pytest.raises(BatcherClosed, match="the batcher is closed"):
        batcher.submit("a film")


def test_closing_with_a_timeout_ends_what_still_waits_with_an_error(opened: Open) -> None:
    session = opened("text-classification")
    engine = gated(session)
    batcher = Batcher(session)
    futures = occupied(batcher, engine)
    futures += [batcher.submit("a film") for _ in range(10)]
    threading.Timer(0.3, engine.gate.set).start()
    batcher.close(timeout=0.1)
    errors = [future.exception() for future in futures]
    assert errors[0] is None
    assert {type(error) for error in errors[-10:]} == {BatcherClosed}


def test_a_swap_gives_no_error_and_closes_the_old_session(opened: Open) -> None:
    first, second = opened("text-classification"), opened("text-classification-tokenizer-settings")
    expected = {scores_key(first(text)) for text in TEXTS} | {scores_key(second(text)) for text in TEXTS}
    stop = threading.Event()
    futures: list[Future[Any]] = []

    def ask() -> None:
        while not stop.is_set():
            futures.append(batcher.submit(TEXTS[len(futures) % len(TEXTS)]))
            time.sleep(0.0005)

    with Batcher(first) as batcher:
        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for name in ["text-classification-tokenizer-settings", "text-classification"] * 4:
            time.sleep(0.03)
            old = batcher.session
            batcher.swap(opened(name)).result(10)
            with pytest.raises(BackendError, match="closed"):
                old("a film")
        stop.set()
        for thread in threads:
            thread.join()
    assert len(futures) > 50
    assert {scores_key(future.result()) for future in futures} <= expected


def scores_key(result: Any) -> tuple[tuple[str, float], ...]:
    return tuple((each.label, round(each.score, 3)) for each in result.labels)


def test_a_swap_to_another_task_is_refused(opened: Open) -> None:
    told = "the session is of token-classification, expected text-classification"
    with Batcher(opened("text-classification")) as batcher, pytest.raises(InputError, match=told):
        batcher.swap(opened("token-classification"))


def test_a_busy_bundle_does_not_starve_another(opened: Open) -> None:
    workers = Workers(1)
    try:
        with Batcher(opened("text-classification"), workers) as busy, Batcher(opened("spoilt"), workers) as other:
            flood = [busy.submit("the film " * 10) for _ in range(200)]
            began = len([future for future in flood if future.done()])
            asked = [other.submit("a film") for _ in range(4)]
            wait(asked)
            between = len([future for future in flood if future.done()]) - began
            wait(flood)
    finally:
        workers.close()
    assert between < 150


def test_a_session_of_any_mode_can_be_served(opened: Open) -> None:
    expected = scores(opened("text-classification")("a film"))
    for mode in ("latency", "throughput", "serving"):
        session: Session[Any, Any] = load(GOLDEN / "text-classification", options=Options(mode=mode, threads=2))
        with Batcher(session) as batcher:
            assert scores(batcher.submit("a film").result()) == expected
    assert SERVING.thread_layout("cpu").concurrency == 2


def test_arrays_of_the_raw_level_run_beside_texts(opened: Open) -> None:
    session = opened("text-classification")
    row = session.prepare("a good film").encoded.features[0]
    feeds = {"input_ids": row.ids[None], "attention_mask": row.mask[None], "token_type_ids": row.type_ids[None]}
    expected = session.run(feeds)["logits"]

    async def main(batcher: Batcher[Any, Any]) -> None:
        texts = batcher.begin(["a good film"] * 20)
        arrays = [batcher.begin_run(feeds) for _ in range(20)]
        wrong = batcher.begin_run({**feeds, "input_ids": row.ids})
        for future in arrays:
            assert (await future).result["logits"] == pytest.approx(expected, abs=1e-6)
        for text in texts:
            assert (await text).tokens == row.ids.size
        with pytest.raises(InputError, match="input_ids is int64 of shape"):
            await wrong

    with Batcher(opened("text-classification")) as batcher:
        asyncio.run(main(batcher))
