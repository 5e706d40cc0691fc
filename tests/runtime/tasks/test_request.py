"""What a request refuses: every field that is missing, unknown, of the wrong type or out of range, all at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from bert_runtime.errors import InputError
from bert_runtime.tasks import TASKS
from bert_runtime.tasks.request import Request


@dataclass(frozen=True)
class Example(Request):
    text: str
    parts: tuple[str, ...] | None = None
    count: int = 1
    share: float = 0.5
    wide: bool = False
    note: str | None = None

    def problems(self) -> Iterator[str]:
        if self.count < 1:
            yield f"count is {self.count}, expected 1 or more"
        if self.share > 1:
            yield f"share is {self.share}, expected at most 1"


def problems(**record: object) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        Example.from_record(record)
    return caught.value.problems


def test_a_json_object_becomes_a_request_with_lists_as_tuples() -> None:
    record = {"text": "a", "parts": ["b", "c"], "count": 2, "share": 1, "wide": True, "note": None}
    assert Example.from_record(record) == Example("a", ("b", "c"), 2, 1, True, None)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_every_example_of_a_task_is_a_request(task: Any) -> None:
    assert all(isinstance(task.request.from_record(example), task.request) for example in task.examples)
    assert task.examples


def test_all_mistakes_of_fields_are_reported_at_once_in_the_order_of_the_fields() -> None:
    found = problems(parts="b", count="3", wide=1, colour="red")
    fields = "the fields are text, parts, count, share, wide, note"
    assert found == (
        f"unknown field 'colour'; {fields}",
        f"missing field 'text'; {fields}",
        "parts is a str, expected a tuple (in JSON: a list) of strings",
        "count is '3' (str), expected a value of type int",
        "wide is 1 (int), expected a value of type bool",
    )


def test_values_out_of_range_are_told_at_once() -> None:
    assert problems(text="a", count=0, share=2) == (
        "count is 0, expected 1 or more",
        "share is 2, expected at most 1",
    )


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"text": None}, "text is None (NoneType), expected a string"),
        ({"text": 5}, "text is 5 (int), expected a string"),
        ({"text": b"raw"}, "text is b'raw' (bytes), expected a string"),
        ({"text": "a", "parts": ["b", 3]}, "parts[1] is 3 (int), expected a string"),
        ({"text": "a", "count": True}, "count is True (bool), expected a value of type int"),
        ({"text": "a", "count": 1.0}, "count is 1.0 (float), expected a value of type int"),
        ({"text": "a", "count": None}, "count is None (NoneType), expected a value of type int"),
        ({"text": "a", "share": False}, "share is False (bool), expected a finite number"),
        ({"text": "a", "share": float("nan")}, "share is nan (float), expected a finite number"),
        ({"text": "a", "share": float("inf")}, "share is inf (float), expected a finite number"),
        ({"text": "a", "note": 1}, "note is 1 (int), expected a string"),
    ],
)
def test_a_wrong_type_is_named_with_its_value(record: dict[str, object], message: str) -> None:
    assert problems(**record) == (message,)


def test_a_lone_surrogate_is_refused_with_its_place() -> None:
    assert problems(text="ab\ud800c") == (
        "text has a lone surrogate at character 2, expected text that UTF-8 can write",
    )


def test_a_request_made_in_python_is_checked_like_a_record() -> None:
    with pytest.raises(InputError, match=re.escape("parts is a list, expected a tuple")):
        Example("a", ["b"]).check()  # type: ignore[arg-type]  # what a caller without a type checker may do


def test_any_values_make_a_request_so_that_a_generator_of_requests_goes_on() -> None:
    made = [Example("a", count=count) for count in (0, 1)]
    assert made[1].check() is made[1]
    with pytest.raises(InputError, match="count is 0"):
        made[0].check()


def test_a_long_value_is_shortened_in_the_message() -> None:
    assert len(problems(text=["x" * 10_000])[0]) < 200


def test_the_index_in_the_stream_stands_before_the_problems() -> None:
    error = InputError(["a is wrong", "b is wrong"]).at(7)
    assert (str(error), error.index) == ("request 7: a is wrong; b is wrong", 7)
