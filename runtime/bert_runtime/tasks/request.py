"""What every request has in common: fields with plain types, checked when it is its turn, readable from JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from bert_runtime.errors import InputError, Problem
from bert_runtime.fields import Checked, hints, meant, mistakes


@dataclass(frozen=True)
class Request(Checked):
    """The base of every task's request: a frozen dataclass whose fields are str, int, float, bool, tuple[str, ...],
    Checked, or a union of these and None; `problems` may rely on their types.

    Any values make a request, and a session judges them when it is the request's turn: a generator that raised while it
    makes one would be over, and the rest of its stream lost.
    """

    def check(self) -> Self:
        """The request itself, once it is right; numpy's numbers in it become Python's.

        Raises:
            InputError: every field that has the wrong type or, where all types are right, a value out of range.
        """
        values = {name: getattr(self, name) for name, _ in hints(type(self))}
        scalars = {name: value.item() for name, value in values.items() if isinstance(value, np.generic)}
        if scalars:
            return dataclasses.replace(self, **scalars).check()
        problems = [problem for name, hint in hints(type(self)) for problem in mistakes(name, values[name], hint)]
        problems = problems or list(self.problems())
        if problems:
            raise InputError(problems)
        return self

    @classmethod
    def of(cls, value: object) -> Self:
        """What a session was asked, checked: a request of this class, a mapping with its fields, or a text where the
        request needs just one.

        Raises:
            InputError: it is none of these, or everything that is wrong with it.
        """
        if isinstance(value, cls):
            return value.check()
        if isinstance(value, Mapping):
            return cls.from_record(_read(value))
        if isinstance(value, str):
            return cls.from_text(value)
        raise InputError(
            f"the request is a {type(value).__name__}, expected a {cls.__name__} or a mapping with its fields"
        )

    @classmethod
    def from_record(cls, record: Mapping[str, object]) -> Self:
        """The request that a JSON object describes, checked; lists become tuples.

        Raises:
            InputError: missing or unknown keys, and every wrong type or value.
        """
        fields = {field.name: field for field in dataclasses.fields(cls)}
        known = ", ".join(fields)
        problems: list[str] = [
            Problem("unknown-field", str(key), f"unknown field {key!r}; the fields are {known}")
            for key in record
            if key not in fields
        ]
        problems += [
            Problem("missing-field", name, f"missing field {name!r}; the fields are {known}")
            for name in cls.required()
            if name not in record
        ]
        values = {key: tuple(value) if isinstance(value, list) else value for key, value in record.items()}
        for name, hint in hints(cls):
            if name in values:
                values[name] = meant(values[name], hint)
                problems += mistakes(name, values[name], hint)
        if not problems:
            made = cls(**values)
            problems = list(made.problems())
        if problems:
            raise InputError(problems)
        return made

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The request that a text alone makes, checked: it is the one field that has no default.

        Raises:
            InputError: the request needs more than one text; or what is wrong with this one.
        """
        required = cls.required()
        if len(required) != 1:
            raise InputError(
                f"the request is a text, expected a {cls.__name__} or a mapping: it needs {' and '.join(required)}"
            )
        return cls.from_record({required[0]: text})

    @classmethod
    def required(cls) -> tuple[str, ...]:
        """The fields that have no default."""
        return tuple(field.name for field in dataclasses.fields(cls) if field.default is dataclasses.MISSING)


def _read(record: Mapping[str, object]) -> dict[str, object]:
    """The fields of a mapping, whose code is the caller's own and may raise anything."""
    try:
        return dict(record)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"the mapping cannot be read ({type(error).__name__}: {error}), expected fields") from error
