"""The C++ runtime reads and writes JSON as Python's json module does: values, errors and bytes."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

CASES = json.loads((Path(__file__).parents[1] / "cases" / "json_texts.json").read_bytes())["texts"]


def refuse(text: str) -> float:
    """What NaN and numbers beyond a double are to the program."""
    raise ValueError(text)


def real(text: str) -> float:
    """A finite number."""
    value = float(text)
    return value if abs(value) != float("inf") else refuse(text)


def expected(text: str) -> dict[str, object]:
    """What Python makes of `text`, as the program prints it."""
    try:
        return {"value": json.loads(text, parse_constant=refuse, parse_float=real)}
    except ValueError as error:
        return {"error": str(error)}


def written(answer: dict[str, object]) -> str:
    """The line that the program prints."""
    return json.dumps(answer, ensure_ascii=False).encode("utf-8", errors="backslashreplace").decode("utf-8")


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="Python 3.13 words some errors anew")
def test_json_is_read_and_written_as_python_does(ask: Callable[..., list[str]]) -> None:
    rng = random.Random(7)
    alphabet = [
        '"',
        "\\",
        "u",
        "d8",
        "3d",
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        " ",
        "\n",
        "1",
        "-",
        ".",
        "e5",
        "é",
        "😀",
        "true",
        "a",
    ]
    texts = [*CASES, *("".join(rng.choices(alphabet, k=rng.randrange(1, 12))) for _ in range(20_000))]
    for case in CASES:
        texts += [case[:i] + rng.choice(alphabet) + case[i + rng.randrange(2) :] for i in range(len(case))]
    answers = ask("json_text", list(texts))
    wrong = [(text, got) for text, got in zip(texts, answers, strict=True) if got != written(expected(text))]
    assert wrong == []


def test_numbers_are_written_with_pythons_digits(ask: Callable[..., list[str]]) -> None:
    rng = random.Random(11)
    numbers = [rng.uniform(-1, 1) * 10.0 ** rng.randrange(-320, 308) for _ in range(20_000)]
    numbers += [10.0**power for power in range(-20, 23)]
    assert ask("json_text", [repr(number) for number in numbers]) == [f'{{"value": {number!r}}}' for number in numbers]
