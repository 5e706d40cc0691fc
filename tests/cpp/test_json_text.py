"""The C++ runtime reads and writes JSON as Python's json module does: values, errors and bytes."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable

import pytest

CASES = [
    "", " ", "null", "nul", "true ", "falsey", "NaN", "[Infinity]", "-Infinity", "-", "-a", "01", "1.", "1.5e", "1e+", "1.5e+3",
    "1E400", "-1e-400", "0e999999999999999999999", "-0", "-0.0", "123456789012345678901234567890", "9223372036854775808",
    "-9223372036854775808", "-9223372036854775809", "5e-324", "2e-324", "1e16", "123456789012345680.0", "0.0001", "0.00001",
    "1.7976931348623157e308", "1.7976931348623159e308", "0.1", "1e22", "[", "[1", "[1,", "[1,]", "[1 2]", "{", '{"a"', '{"a":', '{"a":1',
    '{"a":1,', '{"a":1,}', "{1:2}", '{"a" 1}', '{"a":1}x', '"', '"a', '"\\', '"\\x"', '"\\u12"', '"\\u12g4"', '"\\ud83d\\ude00"',
    '"\\ud83d"', '"\\ud83d\\u0041"', '"\\ud83d\\ude0"', '"\\udc00\\ud83d"', '"a\nb"', '"\x7f\\u0000"', "\ufeff1", '{"a":1,"b":2,"a":3}',
    '["é", "東京" x]', '\n\n  {"é": 1,\n "b" 2}', '"\\u00e9\\/\\b\\f\\n\\r\\t\\"\\\\"', "\u2028", '"😀\\u1"', '"\\u12', '"\\u1234',
]  # fmt: skip


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
