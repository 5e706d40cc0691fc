"""The members of a tokenizer.json, read one by one: every problem is kept, not the first."""

from __future__ import annotations

import json
from typing import Any, TypeGuard

from bert_runtime.errors import BundleError, Problem
from bert_runtime.tokenizer_parts.limits import MAX_ID, MOST_SHOWN

Json = dict[str, Any]


class Fields:
    """Reads members and gathers what is wrong with them."""

    def __init__(self) -> None:
        """With no problem."""
        self._problems: list[str] = []

    def problem(self, sentence: str) -> None:
        """Keep a problem, if it is one of the first few."""
        if len(self._problems) < MOST_SHOWN:
            self._problems.append(sentence)

    def unknown(self, name: str, part: object, expected: str) -> None:
        """A part of another kind than the ones that are read."""
        advice = "export a checkpoint of a supported family"
        self.problem(f"the tokenizer's {name} is {kind(part)}, expected {expected}; {advice}")

    def flag(self, part: object, where: str, key: str, usual: bool | None = None) -> bool:
        """True or false; a member that is missing or null means `usual`, if that is given."""
        value = member(part, key)
        if value is None and usual is not None:
            return usual
        if isinstance(value, bool):
            return value
        self.wrong(where, key, value, "true or false")
        return False

    def text(self, part: object, where: str, key: str, most: int | None = None) -> str:
        """A string; of 1 to `most` bytes, if that is given."""
        value = member(part, key)
        if isinstance(value, str) and (most is None or 0 < len(value.encode()) <= most):
            return value
        self.wrong(where, key, value, "a string" if most is None else f"a string of 1 to {most} bytes")
        return "" if most is None else " "

    def number(self, part: object, where: str, key: str, most: int) -> int:
        """A whole number from 0 to `most`."""
        value = member(part, key)
        if is_whole(value) and value <= most:
            return value
        self.wrong(where, key, value, f"a whole number of at most {most}")
        return 0

    def id(self, value: Any, where: str) -> int:
        """An id: the tokenizers library's are of 32 bits."""
        if is_id(value):
            return value
        self.problem(f"{where} is {shown(value)}, expected an id from 0 to {MAX_ID}")
        return 0

    def wrong(self, where: str, key: str, value: object, expected: str) -> None:
        """A member that is not what was expected."""
        self.problem(f"{where}.{key} is {shown(value)}, expected {expected}")

    def raise_problems(self, name: str) -> None:
        """Tell what is wrong with the file `name`.

        Raises:
            BundleError: something is.
        """
        if self._problems:
            message = f"{name}: {'; '.join(self._problems)}"
            message = message if "; export " in message else f"{message}; export the bundle again"
            raise BundleError(Problem("bad-tokenizer", name, message))


def shown(value: object) -> str:
    """A value as JSON, of which the beginning if it is long."""
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return "an integer of more than 64 bits"
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=True)
    return text if len(text) <= 60 else f"{text[:57]}..."


def member(record: object, key: str) -> Any:
    """A member of an object; None where there is none."""
    return record.get(key) if isinstance(record, dict) else None


def kind(part: object) -> str:
    """The `type` of a part: null where the file has none."""
    found = member(part, "type")
    return found if isinstance(found, str) else "null" if part is None else shown(part)


def is_whole(value: object) -> TypeGuard[int]:
    """Whether it is a number from 0 on, without a fraction."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_id(value: object) -> TypeGuard[int]:
    """Whether it is a number of 32 bits."""
    return is_whole(value) and value <= MAX_ID
