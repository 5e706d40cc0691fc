"""What candidates are asked while they are timed: requests of the user's own lengths, one by one or in bulk."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bert_calibration.samples import Samples, encode
from bert_export.errors import OptionError
from bert_runtime.errors import InputError
from bert_runtime.session import Session
from bert_runtime.tasks.request import Request
from bert_runtime.tasks.task import Encoded, Head, Task

AnyTask = Task[Any, Any, Any]
AnyHead = Head[Any, Any, Any]
AnySession = Session[Any, Any]


@dataclass(frozen=True)
class Requests:
    """Requests, shortest first.

    Attributes:
        items: the requests.
        tokens: of each, those of all its rows.
        source: a sentence on where they come from.
    """

    items: tuple[Request, ...]
    tokens: tuple[int, ...]
    source: str

    def evenly(self, number: int) -> Sequence[Request]:
        """So many, at equal distances from the shortest to the longest, so that lengths are as frequent as they are."""
        count = len(self.items)
        if number >= count:
            return self.items
        return [self.items[(2 * i + 1) * count // (2 * number)] for i in range(number)]

    def many(self, number: int) -> Sequence[Request]:
        """So many in a mixed order, the same each time; all of them again where there are not enough."""
        order = np.random.default_rng(0).permutation(max(number, len(self.items)))[:number]
        return [self.items[i % len(self.items)] for i in order]

    def to_json(self) -> dict[str, Any]:
        """The distribution of lengths, for a report."""
        quantiles = np.percentile(self.tokens, (0, 25, 50, 75, 100)).round().astype(int).tolist()
        names = ("least", "lower quartile", "median", "upper quartile", "most")
        return {"from": self.source, "number": len(self.items), "tokens": dict(zip(names, quantiles, strict=True))}


def requests_of(samples: Samples | None, task: AnyTask, head: AnyHead) -> Requests:
    """The samples, all of them; without samples those of the task's examples that this head can be asked.

    Raises:
        InputError: samples that the head refuses, with their lines.
        OptionError: it can be asked none of the examples.
    """
    if samples is not None:
        return _sorted(list(zip(samples.requests, encode(samples, head), strict=True)), samples.path.name)
    found: list[tuple[Request, Encoded]] = []
    for record in task.examples_for(head.text):
        request = task.request.from_record(record)
        with contextlib.suppress(InputError):  # a short model or a small vocabulary has no room for it
            found.append((request, head.encode(request)))
    if not found:
        raise OptionError(f"none of the examples of {task.name} fits this model; give texts with --calibrate FILE")
    return _sorted(found, f"the examples of {task.name}")


def one_by_one(session: AnySession, requests: Sequence[Request]) -> Callable[[], object]:
    """Work: each request answered before the next is asked."""
    return lambda: [session(request) for request in requests]


def in_bulk(session: AnySession, requests: Sequence[Request]) -> Callable[[], object]:
    """Work: all requests given at once."""
    return lambda: list(session.predict(requests))


def _sorted(pairs: Sequence[tuple[Request, Encoded]], source: str) -> Requests:
    counted = [(request, sum(row.ids.size for row in encoded.features)) for request, encoded in pairs]
    counted.sort(key=lambda pair: pair[1])
    return Requests(tuple(request for request, _ in counted), tuple(size for _, size in counted), source)
