"""What a batcher tells of its work, for metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

Outcome = Literal["answered", "refused", "failed", "expired", "cancelled", "closed"]
"""answered; refused: the request is wrong; failed: the engine or this library; expired: past its deadline; cancelled:
by its caller; closed: the batcher was closed without waiting for it."""

Rejection = Literal["overloaded", "closed"]
"""Why a request was not admitted."""


@dataclass(frozen=True)
class RequestRecord:
    """A request's way through the batcher, once it is over.

    Attributes:
        outcome: see Outcome.
        tokens: of its rows, without padding; 0 where it was not encoded. For text generation, those that were added.
        queued: seconds before its encoding began.
        encoded: seconds that its encoding took.
        gathered: seconds between the end of its encoding and the beginning of its first run.
        ran: seconds from there to its answer.
    """

    outcome: Outcome
    tokens: int
    queued: float
    encoded: float
    gathered: float
    ran: float


@dataclass(frozen=True)
class BatchRecord:
    """One run of the engine.

    Attributes:
        rows: in the batch.
        tokens: of the batch, padding included.
        filled: tokens that are no padding.
        seconds: the run took, and its decoding.
    """

    rows: int
    tokens: int
    filled: int
    seconds: float


class Observer(Protocol):
    """Is told of a batcher's work by its threads, one call at a time or several: methods return soon and raise nothing.
    What they raise is logged, and changes no answer."""

    def request_ended(self, record: RequestRecord) -> None:
        """A request that was admitted has its outcome."""

    def batch_ran(self, record: BatchRecord) -> None:
        """The engine has run once."""

    def rejected(self, cause: Rejection, count: int) -> None:
        """`count` requests were not admitted."""


class SilentObserver:
    """Nobody is told."""

    def request_ended(self, record: RequestRecord) -> None: ...

    def batch_ran(self, record: BatchRecord) -> None: ...

    def rejected(self, cause: Rejection, count: int) -> None: ...
