"""Results to files: every digit, every character, one line for each."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bert_runtime.record_writers import CsvWriter, Json, JsonLinesWriter, to_json


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True)
class Part:
    label: str
    score: float


@dataclass(frozen=True, eq=False)
class Result:
    parts: tuple[Part, ...]
    vector: Any
    note: str | None = None


def written(*records: dict[str, Json]) -> list[bytes]:
    writer = JsonLinesWriter()
    return b"".join([*map(writer.text, records), writer.rest()]).splitlines()


def table(*records: dict[str, Json], before: tuple[str, ...] = (), after: tuple[str, ...] = ()) -> list[list[str]]:
    writer = CsvWriter(before, after)
    written = b"".join([*map(writer.text, records), writer.rest()])
    return list(csv.reader(io.StringIO(written.decode("utf-8"), newline=""), strict=True))


def test_a_result_becomes_plain_json() -> None:
    vector = np.array([0.5, -2], dtype=np.float32)
    assert to_json(Result((Part("a", 0.25),), vector)) == {
        "parts": [{"label": "a", "score": 0.25}],
        "vector": [0.5, -2.0],
        "note": None,
    }
    assert to_json({"colour": Colour.RED, "count": np.int64(3), "share": np.float32(0.5)}) == {
        "colour": "red",
        "count": 3,
        "share": 0.5,
    }


def test_a_value_that_json_lacks_is_refused() -> None:
    with pytest.raises(TypeError, match="a set has no JSON form"):
        to_json({"a": {1}})


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_number_comes_back_with_every_digit(number: float) -> None:
    vector = np.array([number], dtype=np.float32)
    (line,) = written({"vector": to_json(vector)})
    assert np.array(json.loads(line)["vector"], dtype=np.float32).tobytes() == vector.tobytes()


@given(st.text())
def test_any_text_is_one_line_and_comes_back(text: str) -> None:
    (line,) = written({"text": text})
    assert json.loads(line) == {"text": text}


def test_text_is_written_in_unicode() -> None:
    assert written({"text": "日 é 😀"}) == ['{"text": "日 é 😀"}'.encode()]


def test_a_lone_surrogate_is_written_as_its_escape() -> None:
    (line,) = written({"text": "a\ud800b"})
    assert json.loads(line) == {"text": "a\ud800b"}


def test_csv_has_a_column_for_each_field_and_json_in_nested_cells() -> None:
    assert table(
        {"choice": 1, "text": 'a, "b"\nc', "none": None, "wide": True, "parts": [{"label": "é", "score": 0.1}]}
    ) == [
        ["choice", "text", "none", "wide", "parts"],
        ["1", 'a, "b"\nc', "", "true", '[{"label": "é", "score": 0.1}]'],
    ]


def test_csv_errors_before_the_first_result_wait_for_its_columns() -> None:
    records: list[dict[str, Json]] = [{"error": "bad", "line": 2}, {"choice": 0}, {"error": "worse", "line": 4}]
    assert table(*records, after=("error", "line")) == [
        ["choice", "error", "line"],
        ["", "bad", "2"],
        ["0", "", ""],
        ["", "worse", "4"],
    ]


def test_csv_of_errors_alone_still_names_its_columns() -> None:
    assert table({"error": "bad", "line": 2}, after=("error", "line")) == [["error", "line"], ["bad", "2"]]


@pytest.mark.parametrize("text", ["", "a\rb", "'", '"', "=1+1", "\u2028"])
def test_csv_text_comes_back(text: str) -> None:
    assert table({"text": text, "next": 1})[1] == [text, "1"]
