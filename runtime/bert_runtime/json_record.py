"""A JSON object read field by field: each reader says what it expects, and every problem is kept, not the first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

from bert_runtime.errors import Problem

T = TypeVar("T")
_MISSING = object()


class Record:
    """One object at `path`. After a problem a reader returns a placeholder: the caller must check `problems` before it
    uses a value."""

    def __init__(self, value: object, path: str, problems: list[str]) -> None:
        self.path = path
        self.problems = problems
        self._values: dict[str, Any] | None = value if isinstance(value, dict) else None
        self._known: set[str] = set()
        if self._values is None and value is not _MISSING:
            problems.append(Problem("wrong-value", path, f"{path or 'the whole'} {_got(value)}, expected an object"))

    def value(self, key: str, fits: Callable[[object], bool], expected: str, placeholder: T) -> T:
        """The field `key` once it `fits`; else the placeholder, and a problem."""
        self._known.add(key)
        if self._values is None:
            return placeholder
        if key not in self._values:
            self.problems.append(
                Problem("missing-key", self._at(key), f"{self._at(key)} is missing, expected {expected}")
            )
            return placeholder
        found = self._values[key]
        if fits(found):
            return cast(T, found)
        self.problems.append(
            Problem("wrong-value", self._at(key), f"{self._at(key)} {_got(found)}, expected {expected}")
        )
        return placeholder

    def integer(self, key: str, low: int, high: int) -> int:
        """An integer of `low` to `high`; true, 1.0 and "1" are none."""
        return self.value(key, lambda found: _is_integer(found, low, high), f"an integer of {low} to {high}", low)

    def boolean(self, key: str) -> bool:
        """true or false."""
        return self.value(key, lambda found: isinstance(found, bool), "true or false", False)

    def choice(self, key: str, options: Iterable[str]) -> str:
        """One of a few words."""
        words = tuple(options)
        return self.value(key, lambda found: found in words, f"one of {', '.join(words)}", "")

    def string(self, key: str, pattern: re.Pattern[str], expected: str) -> str:
        """A string that `pattern` matches in full."""
        return self.value(key, lambda found: _matches(found, pattern), expected, "")

    def strings(self, key: str, pattern: re.Pattern[str], expected: str) -> tuple[str, ...]:
        """A list of such strings, as a tuple."""
        found = self._list(key, "a list of strings")
        for i, item in enumerate(found):
            if not _matches(item, pattern):
                self.problems.append(
                    Problem(
                        "wrong-value",
                        f"{self._at(key)}[{i}]",
                        f"{self._at(key)}[{i}] {_got(item)}, expected {expected}",
                    )
                )
        return tuple(item for item in found if _matches(item, pattern))

    def record(self, key: str) -> Record:
        """The object under `key`."""
        return Record(self.value(key, _is_anything, "an object", _MISSING), self._at(key), self.problems)

    def records(self, key: str) -> tuple[Record, ...]:
        """A list of objects."""
        found = self._list(key, "a list of objects")
        return tuple(Record(item, f"{self._at(key)}[{i}]", self.problems) for i, item in enumerate(found))

    def mapping(self, key: str) -> Mapping[str, Any]:
        """An object of any content."""
        empty: dict[str, Any] = {}
        return self.value(key, lambda found: isinstance(found, dict), "an object", empty)

    def has(self, key: str) -> bool:
        """Whether the field is there and not null; false makes it known, so that null and absence mean the same."""
        self._known.add(key)
        return self._values is not None and self._values.get(key) is not None

    def names(self) -> tuple[str, ...]:
        """The object's keys, sorted."""
        return tuple(sorted(self._values or ()))

    def close(self) -> None:
        """Note every key that no reader asked for."""
        unknown = [key for key in self.names() if key not in self._known]
        known = ", ".join(sorted(self._known))
        self.problems += [
            Problem("unknown-key", self._at(key), f"{self._at(key)} is no key of the format, expected only {known}")
            for key in unknown
        ]

    def _list(self, key: str, expected: str) -> list[Any]:
        nothing: list[Any] = []
        return self.value(key, lambda found: isinstance(found, list), expected, nothing)

    def _at(self, key: str) -> str:
        shown = key if len(key) <= 80 else f"{key[:80]}..."
        return f"{self.path}.{shown}" if self.path else shown


def _is_anything(_: object) -> bool:
    return True


def _is_integer(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _matches(value: object, pattern: re.Pattern[str]) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _got(value: object) -> str:
    """What was found, in JSON's words."""
    kinds = {bool: "the boolean", int: "the number", float: "the number", str: "the string"}
    if value is None:
        return "is null"
    if isinstance(value, dict | list):
        return "is an object" if isinstance(value, dict) else "is a list"
    return f"is {kinds[type(value)]} {value!r:.60}"
