"""Every error this project raises on purpose. A message says what was got, what was expected, and what to do."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from pathlib import PurePath
from typing import Self


class BertError(Exception):
    """The root: `except BertError` catches whatever this project says of its inputs, its engines and itself."""


class BundleError(BertError):
    """A bundle directory that breaks the format of BUNDLE.md."""


class ItemError(BertError):
    """An error of one item of a stream: why it has no answer, with every problem, and its place in the stream.

    Attributes:
        problems: one sentence for each problem.
        index: the request's position in the stream that `predict` was given, from 0; None outside a stream, and where
            the fault is not an item's.
    """

    def __init__(self, problems: str | Iterable[str], index: int | None = None) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        self.index = index
        where = "" if index is None else f"request {index}: "
        super().__init__(where + "; ".join(self.problems))

    def at(self, index: int) -> Self:
        """The same error, with the request's position in its stream. It holds no frame, hence no array, of the call
        that failed: a caller may keep many."""
        return type(self)(self.problems, index)


class BackendError(ItemError):
    """An engine that is missing, in conflict with another, or unable to run an artefact, on any input or on this."""


class InputError(ItemError, ValueError):
    """A request that cannot be answered; holds every problem found, and the request's place in its stream."""


class InternalError(ItemError):
    """A fault of this library that one item of a stream brought to light. Please report it."""


def item_error(error: Exception) -> ItemError:
    """What `error`, raised while an item was answered, is in a stream: itself, or else an error that names it."""
    if isinstance(error, ItemError):
        return error
    if isinstance(error, MemoryError):
        return BackendError("there is no memory for it; use shorter texts, or a smaller max_batch_tokens")
    place = traceback.extract_tb(error.__traceback__)[-1:]
    where = "".join(f" ({PurePath(frame.filename).name}, line {frame.lineno})" for frame in place)
    return InternalError(
        f"{type(error).__name__}: {error}{where}; this is a fault of bert_runtime: please report it with the request"
    )
