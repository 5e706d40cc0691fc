"""What errors of the two languages are compared by: the code and the field of each problem, not the words."""

from __future__ import annotations

import re
from typing import Any

from bert_runtime.errors import BertError

_VALUE = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|\b(?:None|null|True|true|False|false)\b")


def faults_of(error: BertError) -> list[list[str]]:
    """[code, field] of each problem."""
    return [[problem.code, problem.field] for problem in error.faults]


def report_of(error: BertError) -> dict[str, Any]:
    """The error as the C++ programs of the tests tell it, without its words."""
    return {"kind": type(error).__name__, "faults": faults_of(error)}


def without_words(told: dict[str, Any]) -> dict[str, Any]:
    """The same of what a C++ program told; the words must be there, and say more than the code does."""
    assert len(told["message"]) > 20, told
    return {key: value for key, value in told.items() if key != "message"}


def without_values(text: str) -> str:
    """A command's words without the values in them, which each language writes in its own way."""
    return _VALUE.sub("…", text)
