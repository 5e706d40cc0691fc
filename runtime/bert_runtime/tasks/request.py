"""What every request has in common: fields with plain types, checked when it is its turn, readable from JSON."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from bert_runtime.errors import InputError


class Checked:
    """What is judged when it is its turn, not when it is made."""

    def problems(self) -> Iterator[str]:
        """What is wrong with the values; a subclass overrides this."""
        return iter(())


@dataclass(frozen=True)
class Request(Checked):
    """The base of every task's request: a frozen dataclass whose fields are str, int, float, bool, tuple[str, ...],
    Checked, or a union of these and None; `problems` may rely on their types.

    Any values make a request, and a session judges them when it is the request's turn: a generator that raised while it
    makes one would be over, and the rest of its stream lost.
    """

    def check(self) -> Self:
        """The request itself, once it is right.

        Raises:
            InputError: every field that has the wrong type or, where all types are right, a value out of range.
        """
        problems = [
            problem for name, hint in _hints(type(self)) for problem in _mistakes(name, getattr(self, name), hint)
        ]
        problems = problems or list(self.problems())
        if problems:
            raise InputError(problems)
        return self

    @classmethod
    def from_record(cls, record: Mapping[str, object]) -> Self:
        """The request that a JSON object describes, checked; lists become tuples.

        Raises:
            InputError: missing or unknown keys, and every wrong type or value.
        """
        fields = {field.name: field for field in dataclasses.fields(cls)}
        known = ", ".join(fields)
        problems = [f"unknown field {key!r}; the fields are {known}" for key in record if key not in fields]
        required = [name for name, field in fields.items() if field.default is dataclasses.MISSING]
        problems += [f"missing field {name!r}; the fields are {known}" for name in required if name not in record]
        values = {key: tuple(value) if isinstance(value, list) else value for key, value in record.items()}
        for name, hint in _hints(cls):
            problems += _mistakes(name, values[name], hint) if name in values else []
        if not problems:
            made = cls(**values)
            problems = list(made.problems())
        if problems:
            raise InputError(problems)
        return made


_WORDS: Mapping[type, str] = {str: "a string"}
_HINTS: dict[type[Request], tuple[tuple[str, object], ...]] = {}


def _hints(cls: type[Request]) -> tuple[tuple[str, object], ...]:
    """(field, type) of each field, resolved once for each class."""
    if cls not in _HINTS:
        hints = typing.get_type_hints(cls)
        _HINTS[cls] = tuple((field.name, hints[field.name]) for field in dataclasses.fields(cls))
    return _HINTS[cls]


def _mistakes(name: str, value: object, hint: object) -> list[str]:
    """What is wrong with the type of one field's value."""
    if isinstance(hint, types.UnionType):
        return _union_mistakes(name, value, typing.get_args(hint))
    if typing.get_origin(hint) is tuple:
        if not isinstance(value, tuple):
            return [f"{name} is a {type(value).__name__}, expected a tuple (in JSON: a list) of strings"]
        return [problem for i, part in enumerate(value) for problem in _mistakes(f"{name}[{i}]", part, str)]
    if hint is str:
        return _text_mistakes(name, value)
    if hint is float:
        return [] if _is_number(value) else [_expected(name, value, "a finite number")]
    return _kind_mistakes(name, value, typing.cast(type, hint))


def _kind_mistakes(name: str, value: object, kind: type) -> list[str]:
    """The same where the type is an ordinary class."""
    # A bool is an int to Python, and a mistake to whoever wrote `"top_k": true`.
    right = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    if not right:
        return [_expected(name, value, f"a value of type {kind.__name__}")]
    return list(value.problems()) if isinstance(value, Checked) else []


def _union_mistakes(name: str, value: object, options: tuple[type, ...]) -> list[str]:
    """The same where there are several types, None perhaps among them."""
    if value is None and type(None) in options:
        return []
    others = [option for option in options if option is not type(None)]
    if len(others) == 1 or type(value) in others:
        return _mistakes(name, value, type(value) if type(value) in others else others[0])
    return [_expected(name, value, " or ".join(_WORDS.get(option, option.__name__) for option in others))]


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
        return [_expected(name, value, "a string")]
    if value.isascii():
        return []
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        return [f"{name} has a lone surrogate at character {error.start}, expected text that UTF-8 can write"]
    return []


def _expected(name: str, value: object, wanted: str) -> str:
    try:
        shown = f"{value!r:.60}"
    except ValueError:  # Python writes no integer of more than 4,300 digits
        shown = "too large to show"
    return f"{name} is {shown} ({type(value).__name__}), expected {wanted}"
