"""Results for people: any JSON object, in lines and tables that cannot steer the terminal."""

from __future__ import annotations

import io
from typing import Any

import pytest

from bert_runtime.cli.display import show
from bert_runtime.cli.tables import Table, tables
from bert_runtime.record_writers import Json


def shown(record: dict[str, Any], terminal: bool = False) -> str:
    class Stream(io.StringIO):
        def isatty(self) -> bool:
            return terminal

    stream = Stream()
    show(record, stream)
    return stream.getvalue()


def test_plain_fields_are_lines_lists_of_objects_are_tables_and_nulls_are_left_out() -> None:
    record = {"answers": [{"text": "a", "score": 0.51239}, {"text": "bcd", "score": 1.0}], "cut": False, "null": None}
    assert shown(record) == "cut  no\n\nanswers\ntext  score\na     0.5124\nbcd   1\n"


def test_tables_within_lists_are_numbered() -> None:
    record: dict[str, Any] = {"masks": [{"start": 1, "words": [{"word": "a"}]}, {"start": 5, "words": [{"word": "b"}]}]}
    assert list(tables("", record)) == [
        Table("masks 1", (), (("start", "1"),)),
        Table("masks 1 words", ("word",), (("a",),)),
        Table("masks 2", (), (("start", "5"),)),
        Table("masks 2 words", ("word",), (("b",),)),
    ]


def test_a_vector_is_shortened_and_counted() -> None:
    assert shown({"vector": [0.5] * 384}) == "vector  0.5, 0.5, 0.5, 0.5 … (384 numbers)\n"


@pytest.mark.parametrize("terminal", [False, True], ids=["plain", "rich"])
def test_a_text_cannot_steer_the_terminal(terminal: bool) -> None:
    text = shown({"answers": [{"text": "\x1b[31mred\x1b[0m\r\n\u202eabc [bold]b[/bold] 👩‍💻"}]}, terminal)
    assert "\x1b[31m" not in text
    assert "\u202e" not in text
    assert r"\x1b[31mred\x1b[0m\r\n\u202eabc [bold]b[/bold] 👩‍💻" in text


def test_an_empty_answer_says_so() -> None:
    assert shown({"entities": []}) == "entities  -\n"


def test_tables_keep_within_80_columns_and_lose_nothing() -> None:
    words = [f"word{i}" for i in range(40)]
    record: dict[str, Json] = {"plain": " ".join(words), "rows": [{"a": " ".join(words), "b": "x" * 100, "c": 1}]}
    stream = io.StringIO()
    show(record, stream)
    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    for word in words:
        assert sum(line.split().count(word) for line in lines) == 2
    assert stream.getvalue().count("x") == 100
