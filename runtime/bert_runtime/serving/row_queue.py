"""Encoded rows that wait for a run, and which of them run together: the oldest, and those of about its length.

The rule was measured (docs/decisions/serving.md): waiting for more rows never paid, so a batch is what is there; and
more padding than `SLACK` tokens or `BatchLimits.max_padding` costs more than a batch more.
"""

from __future__ import annotations

import heapq
import itertools
import math
from bisect import bisect_left, insort
from collections.abc import Iterator

from bert_runtime.schedule import SLACK, BatchLimits, is_round, width
from bert_runtime.serving.job import Job
from bert_runtime.tasks.task import Features

_Shape = tuple[int, int]
"""Rows of a batch share the first number, their choices; the second is the width, rounded as the engine needs it."""


class QueuedRow:
    """One row of a request.

    Attributes:
        order: (turn, serial). Rows of a request take their turns one after another, by the tokens before them: a
            request of many rows lets those through that came a little later.
    """

    __slots__ = ("features", "index", "is_taken", "job", "order", "shape")

    def __init__(self, job: Job, index: int, features: Features, shape: _Shape, order: tuple[int, int]) -> None:
        self.job = job
        self.index = index
        self.features = features
        self.shape = shape
        self.order = order
        self.is_taken = False

    @property
    def size(self) -> int:
        """Tokens of the row in a batch that is no wider."""
        return self.shape[0] * self.shape[1]

    def __lt__(self, other: QueuedRow) -> bool:
        return self.order < other.order


class RowQueue:
    """Rows by age and by length. The caller holds the workers' lock."""

    def __init__(self, limits: BatchLimits) -> None:
        """`limits`: the padding, the rounding of widths, and the most tokens and rows of a batch."""
        self._limits = limits
        self._by_age: list[QueuedRow] = []
        self._by_shape: list[tuple[_Shape, tuple[int, int], QueuedRow]] = []
        self._serial = itertools.count()
        self._served = 0
        self.tokens = 0

    def __len__(self) -> int:
        return len(self._by_shape)

    def add(self, job: Job, rows: tuple[Features, ...]) -> None:
        """A request's rows."""
        turn = self._served
        for index, features in enumerate(rows):
            choices = math.prod(features.ids.shape[:-1])
            shape = choices, width(features.ids.shape[-1], self._limits)
            row = QueuedRow(job, index, features, shape, (turn, next(self._serial)))
            heapq.heappush(self._by_age, row)
            insort(self._by_shape, (shape, row.order, row))
            turn += row.size
            self.tokens += row.size

    def take(self, tokens: int) -> list[QueuedRow]:
        """The next batch of at most `tokens` tokens, padding included; a row of more is one alone. At least one row."""
        oldest = self._oldest()
        at = bisect_left(self._by_shape, (oldest.shape, oldest.order))
        places = self._neighbours(at, min(tokens, self._limits.max_batch_tokens))
        batch = [self._by_shape[place][2] for place in places]
        for place in sorted(places, reverse=True):
            del self._by_shape[place]
        for row in batch:
            row.is_taken = True
            self.tokens -= row.size
            self._served += row.size
        return batch

    def clear(self) -> Iterator[QueuedRow]:
        """Take every row."""
        rows = [row for _, _, row in self._by_shape]
        self._by_shape, self._by_age, self.tokens = [], [], 0
        return iter(rows)

    def _oldest(self) -> QueuedRow:
        while self._by_age[0].is_taken:
            heapq.heappop(self._by_age)
        return heapq.heappop(self._by_age)

    def _neighbours(self, first: int, tokens: int) -> list[int]:
        """The places by shape of the rows that make one batch with the row at `first`: one after another, the one that
        brings less padding. Rows that came later than a batch's tokens after it leave their turn to others."""
        rows, last = self._by_shape, self._by_shape[first][1][0] + self._limits.max_batch_tokens
        places, round_rows = [first], 1
        widest = own = rows[first][2].size
        near = {step: self._next(first, step, last) for step in (-1, 1)}
        while len(places) < self._limits.max_batch_size:
            brought = {
                step: max(widest - rows[place][2].size, (rows[place][2].size - widest) * len(places))
                for step, place in near.items()
                if place is not None
            }
            if not brought:
                break
            step = min(brought, key=lambda step: (brought[step], step))
            place = near[step]
            assert place is not None  # it brings padding
            size = rows[place][2].size
            if not self._fits(len(places) + 1, max(widest, size), own + size, tokens):
                break
            places.append(place)
            near[step] = self._next(place, step, last)
            widest, own = max(widest, size), own + size
            if is_round(len(places) * widest):
                round_rows = len(places)
        return places[:round_rows] if self._limits.is_coarse else places

    def _next(self, place: int, step: int, last: int) -> int | None:
        """The next place by shape, in steps of 1 or -1, of a row with as many choices that came by the turn `last`."""
        rows, choices = self._by_shape, self._by_shape[place][0][0]
        place += step
        while 0 <= place < len(rows) and rows[place][0][0] == choices:
            if rows[place][1][0] <= last:
                return place
            place += step
        return None

    def _fits(self, rows: int, widest: int, own: int, tokens: int) -> bool:
        whole = rows * widest
        return whole <= tokens and whole - own <= max(SLACK, self._limits.max_padding * whole)
