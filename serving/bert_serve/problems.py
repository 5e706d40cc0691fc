"""What a client is told when it has no answer: a status, a code for programs, and sentences for people."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from bert_runtime.errors import BackendError, BertError, InputError, ItemError
from bert_runtime.serving import BatcherClosed, DeadlineExceeded, Overloaded

SHOWN = 20
"""Problems that are told of one request; a client with more has the first of them to mend."""


class Problem(Exception):  # noqa: N818 - what RFC 9457 calls it
    """Why there is no answer.

    Attributes:
        status: of HTTP.
        code: a word that does not change: what programs and metrics tell causes apart by.
        messages: what was got, what was expected, and what to do.
        headers: beside those that every answer has.
    """

    def __init__(
        self, status: int, code: str, messages: Sequence[str], headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(*messages)
        self.status = status
        self.code = code
        self.messages = tuple(messages)
        self.headers = dict(headers or {})

    def __str__(self) -> str:
        more = len(self.messages) - SHOWN
        told = "; ".join(self.messages[:SHOWN])
        return f"{told}; and {more} more" if more > 0 else told

    def to_dict(self) -> dict[str, Any]:
        """The body of the tasks' own JSON."""
        return {"error": {"code": self.code, "message": str(self), "problems": list(self.messages[:SHOWN])}}


def problem(status: int, code: str, message: str) -> Problem:
    """One with one sentence."""
    return Problem(status, code, (message,))


def of_error(error: BaseException) -> Problem:
    """What `error`, met while a request was answered, is to a client. A fault of ours names nothing of its inside."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, Overloaded):
        seconds = max(1, math.ceil(error.retry_after))
        return Problem(429, "overloaded", (str(error),), {"retry-after": str(seconds)})
    if isinstance(error, BatcherClosed):
        return Problem(503, "closing", ("the server is closing; ask another",), {"retry-after": "1"})
    for kind, status, code in _STATUSES:
        if isinstance(error, kind):
            return Problem(status, code, error.problems if isinstance(error, ItemError) else (str(error),))
    return problem(500, "internal", "the request met a fault of the server; its log has more")


_STATUSES: tuple[tuple[type[BertError], int, str], ...] = (
    (DeadlineExceeded, 504, "deadline"),
    (InputError, 422, "invalid_request"),
    (BackendError, 500, "engine"),
)
