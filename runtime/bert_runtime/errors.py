"""Every error this project raises on purpose. A message says what was got, what was expected, and what to do."""

from __future__ import annotations

from collections.abc import Iterable


class BertError(Exception):
    """The root: `except BertError` catches whatever is not a bug of ours."""


class BundleError(BertError):
    """A bundle directory that breaks the format of BUNDLE.md."""


class BackendError(BertError):
    """An engine that is missing, in conflict with another, or unable to run an artefact."""


class InputError(BertError, ValueError):
    """A request that cannot be answered; holds every problem found, and the request's place in its stream.

    Attributes:
        problems: one sentence for each problem.
        index: the request's position in the stream that `predict` was given, from 0; None outside a stream.
    """

    def __init__(self, problems: str | Iterable[str], index: int | None = None) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        self.index = index
        where = "" if index is None else f"request {index}: "
        super().__init__(where + "; ".join(self.problems))

    def at(self, index: int) -> InputError:
        """The same error, with the request's position in its stream."""
        return InputError(self.problems, index)
