"""Every error this project raises on purpose. A message says what was got, what was expected, and what to do."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from pathlib import PurePath
from typing import ClassVar, Self


class Problem(str):
    """A sentence about one thing that is wrong: what was got, what was expected, and what to do. Programs go by its
    `code` and `field`, which are the same in both runtimes, as the words are not.

    Attributes:
        code: the rule that is broken, in a word or a few with hyphens, such as `wrong-type`. It does not change.
        field: what breaks it, such as `choices[2]`; empty where it is the whole.
    """

    code: str
    field: str

    def __new__(cls, code: str, field: str, message: str) -> Self:
        """The sentence, with its rule and its field."""
        made = super().__new__(cls, message)
        made.code, made.field = code, field
        return made

    def __getnewargs__(self) -> tuple[str, str, str]:  # type: ignore[override]
        return self.code, self.field, str(self)


UNKNOWN = "invalid"
"""The code of a sentence that names no rule of its own, and is of no class that has another for these."""


def within(message: str, error: BertError) -> Problem:
    """A longer sentence around the first thing that is wrong by `error`."""
    return Problem(error.code, error.field, message)


def prefixed(start: str, sentence: str) -> Problem:
    """The sentence after some words that say where it belongs."""
    problem = _problem(sentence)
    return Problem(problem.code, problem.field, start + problem)


def _problem(sentence: str, code: str = UNKNOWN) -> Problem:
    return sentence if isinstance(sentence, Problem) else Problem(code, "", sentence)


class BertError(Exception):
    """The root: `except BertError` catches whatever this project says of its inputs, its engines and itself.

    Attributes:
        faults: everything that is wrong, with the rule that it breaks and the field that breaks it.
    """

    faults: tuple[Problem, ...] = ()

    @property
    def code(self) -> str:
        """The rule that the first of the faults breaks."""
        return self.faults[0].code if self.faults else UNKNOWN

    @property
    def field(self) -> str:
        """What breaks it; empty where it is the whole."""
        return self.faults[0].field if self.faults else ""


class BundleError(BertError):
    """A bundle directory that breaks the format of BUNDLE.md."""

    def __init__(self, message: str, faults: Iterable[str] = ()) -> None:
        """`message` tells all the `faults`; without any it is the only one."""
        super().__init__(message)
        self.faults = tuple(map(_problem, faults)) or (_problem(message),)


class ItemError(BertError):
    """An error of one item of a stream: why it has no answer, with every problem, and its place in the stream.

    Attributes:
        problems: one sentence for each problem.
        index: the request's position in the stream that `predict` was given, from 0; None outside a stream, and where
            the fault is not an item's.
        usual_code: the code of a sentence that names no rule of its own.
    """

    usual_code: ClassVar[str] = UNKNOWN

    def __init__(self, problems: str | Iterable[str], index: int | None = None) -> None:
        given = (problems,) if isinstance(problems, str) else problems
        self.faults = tuple(_problem(each, self.usual_code) for each in given)
        self.problems = tuple(map(str, self.faults))  # plain: who writes these may know no other kind of text
        self.index = index
        where = "" if index is None else f"request {index}: "
        super().__init__(where + "; ".join(self.problems))

    def at(self, index: int) -> Self:
        """The same error, with the request's position in its stream. It holds no frame, hence no array, of the call
        that failed: a caller may keep many."""
        return type(self)(self.faults, index)


class BackendError(ItemError):
    """An engine that is missing, in conflict with another, or unable to run an artefact, on any input or on this."""

    usual_code = "engine"


class InputError(ItemError, ValueError):
    """A request that cannot be answered; holds every problem found, and the request's place in its stream."""


class InternalError(ItemError):
    """A fault of this library that one item of a stream brought to light. Please report it."""

    usual_code = "internal"


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
