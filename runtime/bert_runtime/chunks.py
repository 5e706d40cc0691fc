"""Which requests of a stream are answered together, before more of it is read.

Reading far ahead makes full batches of similar length, but delays a caller who sends one request at a time. A chunk
therefore ends where the source is slow, and the first chunk of a source that may be slow is small. This needs no
thread. Bulk work pays with one small batch at its beginning.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from bert_runtime.pauses import Pause

RequestT = TypeVar("RequestT")
ItemT = TypeVar("ItemT")


@dataclass(frozen=True)
class ChunkLimits:
    """Where a chunk ends.

    Attributes:
        first: how many requests the first has at most, of a source that may be slow.
        requests: how many every other has.
        size: the sum of its items' sizes beyond which it takes no more.
        wait: seconds, spent on waiting for the source, after which it takes no more.
    """

    first: int
    requests: int
    size: int
    wait: float


@dataclass(frozen=True)
class Chunk(Generic[ItemT]):
    """Some items of a stream.

    Attributes:
        items: prepared; the first is the stream's `first`-th, from 0.
        is_due: whether the next request may be long in coming: the answers are given before it is read.
        failure: what the source raised after these, which are its last.
    """

    items: Sequence[ItemT]
    first: int
    is_due: bool
    failure: Exception | None = None


def read_chunks(
    source: Iterable[RequestT | Pause],
    prepare: Callable[[RequestT], ItemT],
    size_of: Callable[[ItemT], int],
    limits: ChunkLimits,
) -> Iterator[Chunk[ItemT]]:
    """The stream, prepared, in parts that are answered together; each is read when it is asked for.

    A list or a tuple holds every request already, and a source that pauses says so itself. The time that either takes
    ends no chunk. A boundary ends one; a source that begins with one has no small first chunk.
    """
    requests, first = iter(source), 0
    is_timed = not isinstance(source, list | tuple)
    most = limits.first if is_timed else limits.requests
    while True:
        items: list[ItemT] = []
        size, waited, is_paused = 0, 0.0, False
        while len(items) < most and size < limits.size and waited <= limits.wait:
            asked = time.monotonic()
            try:
                request = next(requests)
            except StopIteration:
                yield Chunk(items, first, is_due=True)
                return
            except Exception as error:  # the caller's own source may raise anything; raised again in its turn
                yield Chunk(items, first, is_due=True, failure=error)
                return
            if isinstance(request, Pause):
                is_timed, is_paused = False, request is Pause.PAUSE
                most = most if is_paused else limits.requests
                break
            if is_timed:
                waited += time.monotonic() - asked
            item = prepare(request)
            size += size_of(item)
            items.append(item)
        if items or is_paused:
            yield Chunk(items, first, is_paused or most == limits.first or waited > limits.wait)
        first += len(items)
        most = limits.requests if first else most
