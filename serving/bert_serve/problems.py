"""What a client is told when it has no answer: a status, a code for programs, and sentences for people."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from bert_runtime.errors import BackendError, BertError, InputError
from bert_runtime.errors import Problem as Fault
from bert_runtime.serving import BatcherClosed, DeadlineExceeded, Overloaded

SHOWN = 20
"""Problems that are told of one request; a client with more has the first of them to mend."""


class Problem(Exception):  # noqa: N818 - what RFC 9457 calls it
    """Why there is no answer.

    Attributes:
        status: of HTTP.
        code: a word that does not change: what programs and metrics tell causes apart by.
        faults: what was got, what was expected, and what to do; each with the rule that is broken, and the field of the
            request that breaks it, empty where it is the whole.
        headers: beside those that every answer has.
    """

    def __init__(self, status: int, code: str, faults: Sequence[str], headers: Mapping[str, str] | None = None) -> None:
        """`faults`: a sentence that names no rule breaks that of `code`."""
        super().__init__(*faults)
        self.status = status
        self.code = code
        rule = code.replace("_", "-")
        self.faults = tuple(each if isinstance(each, Fault) else Fault(rule, "", each) for each in faults)
        self.headers = dict(headers or {})

    def __str__(self) -> str:
        more = len(self.faults) - SHOWN
        told = "; ".join(self.faults[:SHOWN])
        return f"{told}; and {more} more" if more > 0 else told

    def to_dict(self) -> dict[str, Any]:
        """The body of the tasks' own JSON; `field` is that of the first problem, as in the output of `bert-run`."""
        shown = self.faults[:SHOWN]
        return {
            "error": {
                "code": self.code,
                "field": shown[0].field if shown else "",
                "message": str(self),
                "problems": [str(each) for each in shown],
                "faults": [{"code": each.code, "field": each.field} for each in shown],
            }
        }

    def within(self, field: str) -> Problem:
        """The same of a part of the request: of `inputs[3]`."""
        faults = [Fault(each.code, _joined(field, each.field), f"{field}: {each}") for each in self.faults]
        return Problem(self.status, self.code, faults, self.headers)


def problem(status: int, code: str, message: str, field: str = "") -> Problem:
    """One with one sentence, and the field that it is about."""
    return Problem(status, code, (Fault(code.replace("_", "-"), field, message),))


def _joined(field: str, part: str) -> str:
    return f"{field}.{part}" if part else field


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
            return Problem(status, code, error.faults or (str(error),))
    return problem(500, "internal", "the request met a fault of the server; its log has more")


_STATUSES: tuple[tuple[type[BertError], int, str], ...] = (
    (DeadlineExceeded, 504, "deadline"),
    (InputError, 422, "invalid_request"),
    (BackendError, 500, "engine"),
)
