"""The rows of a source as a stream of requests, and each row again beside its answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from bert_runtime.errors import InputError
from bert_runtime.pauses import Pause
from bert_runtime.session import Session
from bert_runtime.table.rows import Row


class _NoRequest(Mapping[str, object]):
    """A row that is no request, as one that says so when it is read: it keeps its place in the stream."""

    def __init__(self, error: InputError) -> None:
        self._error = error

    def __getitem__(self, name: str) -> object:
        raise self._error

    def __iter__(self) -> Iterator[str]:
        raise self._error

    def __len__(self) -> int:
        raise self._error


def answers(
    session: Session[Any, Any], rows: Iterable[Row | Pause], on_pause: Callable[[], None]
) -> Iterator[tuple[Row, Any]]:
    """Each row with its result or error, in order.

    Args:
        on_pause: called once everything is answered that came before a pause, and before more is read.
    """
    read: deque[Row] = deque()

    def requests() -> Iterator[Mapping[str, object] | Pause]:
        for row in rows:
            if isinstance(row, Pause):
                yield row
                if row is Pause.PAUSE:
                    on_pause()
                continue
            read.append(row)
            yield _NoRequest(row.content) if isinstance(row.content, InputError) else row.content

    for answer in session.predict(requests(), errors="return"):
        yield read.popleft(), answer


def to_first_bad(rows: Iterable[Row], blank: type[InputError]) -> Iterator[Row]:
    """Where a bad row ends everything, nothing after it is read; a `blank` one is not bad."""
    for row in rows:
        yield row
        if isinstance(row.content, InputError) and not isinstance(row.content, blank):
            return


def cut(rows: Iterable[Row], every: int) -> Iterator[Row | Pause]:
    """The rows, with a boundary at the beginning and after each `every` of them."""
    for number, row in enumerate(rows):
        if number % every == 0:
            yield Pause.BOUNDARY
        yield row
