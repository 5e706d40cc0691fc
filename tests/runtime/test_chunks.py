"""A chunk ends where its source is slow, and bulk work is read far ahead."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from bert_runtime.chunks import Chunk, ChunkLimits, read_chunks
from bert_runtime.pauses import PAUSE, Pause

LIMITS = ChunkLimits(first=1, requests=4, size=100, wait=0.05)


def chunks(source: Any, limits: ChunkLimits = LIMITS) -> list[Chunk[int]]:
    return list(read_chunks(source, lambda request: request, lambda item: item, limits))


def items(found: list[Chunk[int]]) -> list[list[int]]:
    return [list(chunk.items) for chunk in found]


def test_the_first_chunk_of_a_generator_is_small_and_the_others_are_full() -> None:
    found = chunks(iter(range(10)))
    assert items(found) == [[0], [1, 2, 3, 4], [5, 6, 7, 8], [9]]
    assert [chunk.is_due for chunk in found] == [True, False, False, True]
    assert [chunk.first for chunk in found] == [0, 1, 5, 9]


@pytest.mark.parametrize("kind", [list, tuple])
def test_a_list_is_there_already(kind: type) -> None:
    assert items(chunks(kind(range(6)))) == [[0, 1, 2, 3], [4, 5]]


def test_a_slow_source_ends_its_chunk() -> None:
    def slow() -> Iterator[int]:
        for i in range(6):
            if i == 3:
                time.sleep(0.06)
            yield i

    found = chunks(slow())
    assert items(found) == [[0], [1, 2, 3], [4, 5]]
    assert found[1].is_due


def test_waits_of_a_chunk_add_up() -> None:
    def slow() -> Iterator[int]:
        for i in range(4):
            time.sleep(0.03 if i else 0)
            yield i

    assert items(chunks(slow())) == [[0], [1, 2], [3]]


def test_a_pause_ends_its_chunk_and_what_it_takes_ends_none() -> None:
    def pausing() -> Iterator[int | Pause]:
        yield from (0, 1, PAUSE)
        time.sleep(0.06)
        yield from (2, 3, 4, PAUSE, 5)

    found = chunks(pausing())
    assert items(found) == [[0], [1], [2, 3, 4], [5]]
    assert [chunk.is_due for chunk in found] == [True] * 4


def test_a_chunk_takes_no_more_once_it_is_large() -> None:
    assert items(chunks([60, 60, 60])) == [[60, 60], [60]]


def test_what_the_source_raises_comes_with_what_it_gave_before() -> None:
    def broken() -> Iterator[int]:
        yield from (0, 1, 2)
        raise OSError("gone")

    found = chunks(broken())
    assert items(found) == [[0], [1, 2]]
    assert str(found[-1].failure) == "gone"
