"""Streams keep the order of what they are given, never run far ahead, and raise in turn."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import count

import pytest

from bert_runtime.errors import BackendError
from bert_runtime.streams import AHEAD, Streams


@pytest.fixture(params=[0, 1, 3])
def streams(request: pytest.FixtureRequest) -> Iterator[Streams]:
    made = Streams(request.param)
    yield made
    made.close()


def test_results_come_in_the_order_of_the_items(streams: Streams) -> None:
    slow = threading.Event()

    def work(item: int) -> int:
        if item == 0 and streams.count > 1:
            slow.wait(10)  # the first ends last
        if item == 2:
            slow.set()
        return item * item

    assert list(streams.start(work, range(50))) == [i * i for i in range(50)]


def test_no_more_is_begun_than_is_about_to_be_taken(streams: Streams) -> None:
    begun = count()
    results = streams.start(lambda item: (next(begun), item)[1], count())
    for _ in range(5):
        next(results)
    assert next(begun) <= 5 + AHEAD * streams.count


def test_an_error_comes_in_its_turn(streams: Streams) -> None:
    def work(item: int) -> float:
        return 1 / (2 - item)

    results = streams.start(work, range(5))
    assert [next(results), next(results)] == [0.5, 1.0]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_closing_waits_for_what_runs_and_begins_nothing_more() -> None:
    streams, ended = Streams(2), list[int]()
    going = threading.Event()

    def work(item: int) -> None:
        going.wait(10)
        ended.append(item)

    results = streams.start(work, range(80))
    threading.Timer(0.05, going.set).start()
    streams.close()
    assert 1 <= len(ended) <= 2
    with pytest.raises(BackendError, match="the session is closed; load the bundle again"):
        list(results)
