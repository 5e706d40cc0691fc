"""Why a batcher gives no answer to a request that is right."""

from __future__ import annotations

from bert_runtime.errors import BertError


class Overloaded(BertError):  # noqa: N818 - it says what is the matter
    """The queue is full; nothing was done with the request.

    Attributes:
        retry_after: seconds after which those that wait now are answered, at the rate of late.
    """

    def __init__(self, waiting: int, bound: int, retry_after: float, count: int = 1) -> None:
        self.retry_after = retry_after
        what = "another" if count == 1 else f"{count} more"
        super().__init__(
            f"{waiting} requests are waiting, and with {what} there would be more than {bound}; try again in "
            f"{retry_after:.1f} s"
        )


class DeadlineExceeded(BertError):  # noqa: N818 - it says what is the matter
    """The request was not answered in the time that its caller gave it."""

    def __init__(self, timeout: float) -> None:
        super().__init__(f"there was no answer after {timeout:g} s, the request's deadline; give it more, or ask less")


class BatcherClosed(BertError):  # noqa: N818 - it says what is the matter
    """The batcher takes no requests any more."""

    def __init__(self) -> None:
        super().__init__("the batcher is closed, expected one that is open; ask another instance")
