"""A source that blocks is read in a thread, and says when it does."""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bert_runtime import load
from bert_runtime.options import Options
from bert_runtime.pauses import PAUSE, ROOM, Pause, live


def test_items_come_in_order_and_none_is_lost() -> None:
    found = [item for item in live(iter(range(5000))) if item is not PAUSE]
    assert found == list(range(5000))


def test_a_source_that_blocks_pauses_once() -> None:
    goes_on = threading.Event()

    def blocking() -> Iterator[int]:
        yield 1
        assert goes_on.wait(10)
        yield 2

    items = live(blocking())
    assert [next(items), next(items)] == [1, PAUSE]
    goes_on.set()
    assert list(items) == [2]


def test_what_the_source_raises_comes_after_its_last_item() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    items = live(broken())
    assert next(items) == 1
    with pytest.raises(OSError, match="gone"):
        list(items)


def test_it_is_read_only_so_far_ahead() -> None:
    read = itertools.count()
    items = live(i for i in read)
    next(items)
    time.sleep(0.05)
    assert next(read) <= 2 * ROOM + 3
    items.close()  # type: ignore[attr-defined]  # a generator


@pytest.mark.parametrize("mode", ["latency", "throughput"])
def test_who_waits_for_each_answer_before_the_next_request_gets_it(classification: Path, mode: str) -> None:
    answered: queue.Queue[Any] = queue.Queue()

    def conversation() -> Iterator[dict[str, object]]:
        for _ in range(5):
            yield {"text": "the film"}
            answered.get(timeout=20)

    with load(classification, options=Options(threads=2, mode=mode)) as session:
        for answer in session.predict(live(conversation())):
            answered.put(answer)
    assert answered.empty()


@pytest.mark.parametrize("mode", ["latency", "throughput"])
def test_a_pause_has_everything_answered_that_came_before_it(classification: Path, mode: str) -> None:
    given, answered = itertools.count(), 0
    behind: list[int] = []

    def source() -> Iterator[dict[str, object] | Pause]:
        for burst in (3, 1, 300):
            for _ in range(burst):
                yield {"text": f"film {next(given)}"}
            yield PAUSE
            behind.append(answered)

    with load(classification, options=Options(threads=2, mode=mode)) as session:
        for _ in session.predict(source()):
            answered += 1
    assert behind == [3, 4, 304]
