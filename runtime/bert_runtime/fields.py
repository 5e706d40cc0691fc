"""Fields of a dataclass against the types that they are annotated with: what requests and options are checked by."""

from __future__ import annotations

import dataclasses
import math
import os
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from bert_runtime.errors import Problem


class Checked:
    """What is judged when it is its turn, not when it is made."""

    def problems(self) -> Iterator[str]:
        """What is wrong with the values; a subclass overrides this."""
        return iter(())


@dataclass(frozen=True)
class Range:
    """Beside a number's type: the least and the most that it may be, both included; None is no limit."""

    least: float
    most: float | None = None

    def problem(self, name: str, value: Any) -> str | None:
        """What is wrong with a number of the right type."""
        if value >= self.least and (self.most is None or value <= self.most):
            return None
        wanted = f"at least {self.least}" if self.most is None else f"{self.least} to {self.most}"
        return Problem("out-of-range", name, f"{name} is {shown(value)}, expected {wanted}")


@dataclass(frozen=True)
class OneOf:
    """Beside a string's type: the words that it may be."""

    words: tuple[str, ...]

    def problem(self, name: str, value: Any) -> str | None:
        """What is wrong with a value of any type."""
        wanted = f"one of {', '.join(self.words)}"
        if isinstance(value, str):
            message = f"{name} is {shown(value)}, expected {wanted}"
            return None if value in self.words else Problem("not-a-choice", name, message)
        return expected(name, value, wanted)


_HINTS: dict[type, tuple[tuple[str, object], ...]] = {}


def hints(cls: type) -> tuple[tuple[str, object], ...]:
    """(field, type) of each field, resolved once for each class; `Annotated` types keep what stands beside them."""
    if cls not in _HINTS:
        found = typing.get_type_hints(cls, include_extras=True)
        _HINTS[cls] = tuple((field.name, found[field.name]) for field in dataclasses.fields(cls))
    return _HINTS[cls]


def settle(made: Any, prefix: str = "") -> list[str]:
    """Store what each field's value means by its type, once a dataclass is made, see `meant`; all that is wrong.

    Args:
        made: the new instance, which may be frozen.
        prefix: what stands before a field's name in messages.
    """
    problems = []
    for name, hint in hints(type(made)):
        value = getattr(made, name)
        own = meant(value, hint)
        if own is not value:
            object.__setattr__(made, name, own)
        problems += mistakes(prefix + name, own, hint)
    return problems


def meant(value: object, hint: object) -> object:
    """`value` as its type has it: numpy's numbers become Python's, a text becomes a Path where only that is
    expected, lists become tuples where these are. Everything else is left for `mistakes` to judge.
    """
    if isinstance(value, np.generic):
        return value.item()
    options = _options(hint)
    if isinstance(value, str) and value and Path in options and str not in options:
        return Path(value)
    tuples = [typing.get_args(option) for option in options if typing.get_origin(option) is tuple]
    if isinstance(value, list | tuple) and tuples:
        return _tuple(value, tuples[0])
    return value


def mistakes(name: str, value: object, hint: object) -> list[str]:
    """What is wrong with one value of that type."""
    origin = typing.get_origin(hint)
    if origin is Annotated:
        return _annotated_mistakes(name, value, hint)
    if isinstance(hint, types.UnionType) or origin is typing.Union:
        return _union_mistakes(name, value, typing.get_args(hint))
    if origin is typing.Literal:
        return _annotated_mistakes(name, value, Annotated[str, OneOf(typing.get_args(hint))])
    if origin is tuple:
        return _tuple_mistakes(name, value, typing.get_args(hint))
    if origin is not None and issubclass(origin, Mapping):
        return _mapping_mistakes(name, value, typing.get_args(hint))
    judge = _JUDGES.get(typing.cast(type, hint))
    return judge(name, value) if judge else _kind_mistakes(name, value, typing.cast(type, hint))


def expected(name: str, value: object, wanted: str) -> str:
    """The sentence about a value of another type."""
    return Problem("wrong-type", name, f"{name} is {shown(value)} ({type(value).__name__}), expected {wanted}")


def shown(value: object) -> str:
    """A value, of which nothing is known, in 60 characters."""
    try:
        return f"{value!r:.60}"
    except Exception:  # Python writes no integer of more than 4,300 digits; an object's own code may raise anything
        return "too large to show" if isinstance(value, int) else "something"


def _options(hint: object) -> tuple[object, ...]:
    is_union = isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union
    return typing.get_args(hint) if is_union else (hint,)


def _tuple(value: list[object] | tuple[object, ...], parts: tuple[object, ...]) -> tuple[object, ...]:
    wanted = [parts[0]] * len(value) if parts[-1] is Ellipsis else [*parts, *[object] * len(value)][: len(value)]
    return tuple(meant(part, own) for part, own in zip(value, wanted, strict=True))


def _annotated_mistakes(name: str, value: object, hint: object) -> list[str]:
    kind, *limits = typing.get_args(hint)
    found = [] if isinstance(limits[0], OneOf) else mistakes(name, value, kind)
    if found:
        return found
    problems = (limit.problem(name, value) for limit in limits)
    return [problem for problem in problems if problem is not None]


def _union_mistakes(name: str, value: object, options: tuple[Any, ...]) -> list[str]:
    """What is wrong where there are several types, None perhaps among them."""
    if value is None and type(None) in options:
        return []
    others = [option for option in options if option is not type(None)]
    if Path in others and isinstance(value, str | os.PathLike):
        return _path_mistakes(name, value)
    if len(others) == 1 or type(value) in others:
        return mistakes(name, value, type(value) if type(value) in others else others[0])
    return [expected(name, value, " or ".join(_WORDS.get(option, option.__name__) for option in others))]


def _tuple_mistakes(name: str, value: object, parts: tuple[Any, ...]) -> list[str]:
    if parts == (str, Ellipsis):
        if not isinstance(value, tuple):
            message = f"{name} is a {type(value).__name__}, expected a tuple (in JSON: a list) of strings"
            return [Problem("wrong-type", name, message)]
    elif not isinstance(value, tuple) or (parts[-1] is not Ellipsis and len(value) != len(parts)):
        count = "" if parts[-1] is Ellipsis else f" of {len(parts)}"
        return [expected(name, value, f"a tuple{count}")]
    wanted = [parts[0]] * len(value) if parts[-1] is Ellipsis else parts
    pairs = zip(value, wanted, strict=True)
    return [problem for i, (part, own) in enumerate(pairs) for problem in mistakes(f"{name}[{i}]", part, own)]


def _mapping_mistakes(name: str, value: object, parts: tuple[Any, ...]) -> list[str]:
    if not isinstance(value, Mapping):
        return [expected(name, value, "a mapping")]
    keys = [problem for key in value for problem in mistakes(f"a key of {name}", key, parts[0])]
    return keys + [problem for key in value for problem in mistakes(f"{name}[{key!r}]", value[key], parts[1])]


def _kind_mistakes(name: str, value: object, kind: type) -> list[str]:
    """What is wrong where the type is an ordinary class."""
    # A bool is an int in Python, but `"top_k": true` is a mistake.
    right = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    if not right:
        make = f": make one with {kind.__name__}(…)" if dataclasses.is_dataclass(kind) else ""
        return [expected(name, value, f"a value of type {kind.__name__}{make}")]
    return list(value.problems()) if isinstance(value, Checked) else []


def _number_mistakes(name: str, value: object) -> list[str]:
    return [] if _is_number(value) else [expected(name, value, "a finite number")]


def _is_number(value: object) -> bool:
    """Whether a float can hold it: neither NaN nor infinite, nor an integer beyond the largest float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _text_mistakes(name: str, value: object) -> list[str]:
    if not isinstance(value, str):
        return [expected(name, value, "a string")]
    if value.isascii():
        return []
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        message = f"{name} has a lone surrogate at character {error.start}, expected text that UTF-8 can write"
        return [Problem("not-utf8", name, message)]
    return []


def _path_mistakes(name: str, value: object) -> list[str]:
    if not isinstance(value, str | os.PathLike) or not isinstance(os.fspath(value), str) or not os.fspath(value):
        return [expected(name, value, "a path")]
    return [expected(name, value, "a path without NUL characters")] if "\0" in os.fspath(value) else []


_WORDS: Mapping[type, str] = {str: "a string", Path: "a path"}
_JUDGES: Mapping[type, Callable[[str, object], list[str]]] = {
    str: _text_mistakes,
    float: _number_mistakes,
    Path: _path_mistakes,
}
