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
        low = bisect_left(self._by_shape, (oldest.shape, oldest.order))
        low, high = self._neighbours(low, min(tokens, self._limits.max_batch_tokens))
        batch = [row for _, _, row in self._by_shape[low:high]]
        del self._by_shape[low:high]
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

    def _neighbours(self, first: int, tokens: int) -> tuple[int, int]:
        """The slice of rows by shape around the row at `first` that makes one batch: row by row, the one that brings
        less padding."""
        low, high, rows = first, first + 1, self._by_shape
        widest = own = rows[first][2].size
        counts: dict[int, tuple[int, int]] = {1: (low, high)}  # rows -> slice; read where numbers of tokens are round
        while high - low < self._limits.max_batch_size:
            shorter = rows[low - 1][2] if low and rows[low - 1][0][0] == rows[first][0][0] else None
            longer = rows[high][2] if high < len(rows) and rows[high][0][0] == rows[first][0][0] else None
            if shorter is None and longer is None:
                break
            count = high - low
            takes_shorter = longer is None or (
                shorter is not None and widest - shorter.size <= (longer.size - widest) * count
            )
            row = shorter if takes_shorter else longer
            assert row is not None  # one of the two is there
            if not self._fits(count + 1, max(widest, row.size), own + row.size, tokens):
                break
            widest, own = max(widest, row.size), own + row.size
            low, high = (low - 1, high) if takes_shorter else (low, high + 1)
            if self._limits.is_coarse and is_round((high - low) * widest):
                counts[high - low] = low, high
        return counts[max(counts)] if self._limits.is_coarse else (low, high)

    def _fits(self, rows: int, widest: int, own: int, tokens: int) -> bool:
        whole = rows * widest
        return whole <= tokens and whole - own <= max(SLACK, self._limits.max_padding * whole)
