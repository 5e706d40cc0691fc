"""Which rows run together: the oldest always, its neighbours within the padding and the limits, and each row once."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bert_runtime.schedule import SLACK, BatchLimits, width
from bert_runtime.serving.job import Job
from bert_runtime.serving.row_queue import QueuedRow, RowQueue
from bert_runtime.tasks.task import Features

Shapes = list[tuple[int, ...]]
SHAPES = st.lists(
    st.one_of(st.tuples(st.integers(1, 300)), st.tuples(st.integers(1, 4), st.integers(1, 60))), min_size=1
)
LIMITS = st.sampled_from(
    [
        BatchLimits(512),
        BatchLimits(512, max_batch_size=3),
        BatchLimits(1),
        BatchLimits(512, max_padding=0.3),
        BatchLimits(512, pad_to_multiple_of=16),
    ]
)


def features(shape: tuple[int, ...]) -> Features:
    ids = np.ones(shape, np.int64)
    return Features(ids, ids, ids)


def job() -> Job:
    return Job(None, None, lambda result, error: None)


def drained(queue: RowQueue, tokens: int = 10_000) -> list[list[QueuedRow]]:
    batches = []
    while len(queue):
        batches.append(queue.take(tokens))
    return batches


@given(SHAPES, LIMITS)
@settings(max_examples=300)
def test_each_row_is_taken_once_and_the_oldest_first(shapes: Shapes, limits: BatchLimits) -> None:
    queue, left = RowQueue(limits), dict[int, Job]()
    for i, shape in enumerate(shapes):
        left[i] = job()
        queue.add(left[i], (features(shape),))
    while len(queue):
        oldest = next(iter(left.values()))
        batch = queue.take(10_000)
        assert oldest in [row.job for row in batch]
        for row in batch:
            left = {i: other for i, other in left.items() if other is not row.job}
    assert not left
    assert queue.tokens == 0


@given(SHAPES, LIMITS, st.integers(1, 600))
@settings(max_examples=300)
def test_a_batch_keeps_to_its_tokens_rows_and_padding(shapes: Shapes, limits: BatchLimits, tokens: int) -> None:
    queue = RowQueue(limits)
    for shape in shapes:
        queue.add(job(), (features(shape),))
    for batch in drained(queue, tokens):
        sizes = [row.size for row in batch]
        whole = len(batch) * max(sizes)
        assert len({row.shape[0] for row in batch}) == 1
        assert len(batch) <= limits.max_batch_size
        assert len(batch) == 1 or whole <= min(tokens, limits.max_batch_tokens)
        assert whole - sum(sizes) <= max(SLACK, limits.max_padding * whole)


@given(st.lists(st.integers(1, 60), min_size=1))
def test_rounded_widths_are_what_is_counted(lengths: list[int]) -> None:
    limits = BatchLimits(512, pad_to_multiple_of=16)
    queue = RowQueue(limits)
    for length in lengths:
        queue.add(job(), (features((length,)),))
    assert queue.tokens == sum(width(length, limits) for length in lengths)


def test_rows_of_one_length_are_one_batch_whatever_came_between() -> None:
    queue = RowQueue(BatchLimits(512))
    for length in (10, 200, 10, 200, 10, 200, 10):
        queue.add(job(), (features((length,)),))
    assert [[row.shape[1] for row in batch] for batch in drained(queue)] == [[10] * 4, [200] * 2, [200]]


def test_a_request_of_many_rows_lets_a_later_short_one_through() -> None:
    queue, long, short = RowQueue(BatchLimits(512)), job(), job()
    queue.add(long, tuple(features((500,)) for _ in range(20)))
    assert queue.take(512)[0].job is long
    queue.add(short, (features((10,)),))
    assert [queue.take(512)[0].job for _ in range(2)] == [long, short]


def test_a_row_that_came_a_batch_of_tokens_later_leaves_the_oldest_its_turn() -> None:
    queue, old, later = RowQueue(BatchLimits(64)), [job() for _ in range(7)], [job(), job()]
    for each in old:
        queue.add(each, (features((20,)),))
    assert [row.job for row in queue.take(64)] == old[:3]
    queue.add(later[0], (features((20,)),))  # 60 tokens after the oldest that waits
    assert [row.job for row in queue.take(64)] == old[3:6]
    queue.add(later[1], (features((20,)),))  # 120 tokens
    assert [row.job for row in queue.take(64)] == [old[6], later[0]]
    assert [row.job for row in queue.take(64)] == [later[1]]
