"""Requests from files: each broken line is found by its number and spoils no other."""

from __future__ import annotations

import gc
import io
from dataclasses import dataclass

import pytest

from bert_runtime.errors import InputError
from bert_runtime.lines import LONGEST_CELL, Line
from bert_runtime.records import format_of, read_lines
from bert_runtime.tasks.request import Request


@dataclass(frozen=True)
class Example(Request):
    text: str
    pair: str | None = None
    parts: tuple[str, ...] = ()
    count: int = 1
    share: float | None = None
    wide: bool = False


def lines(content: str | bytes, file_format: str) -> list[Line]:
    raw = content if isinstance(content, bytes) else content.encode("utf-8")
    return list(read_lines(io.BytesIO(raw), file_format, Example))


def problem(line: Line) -> str:
    assert isinstance(line.content, InputError)
    return str(line.content)


def test_json_lines_are_numbered_by_the_file_and_blank_ones_are_skipped() -> None:
    found = lines('{"text": "a"}\n\n   \r\n{"text": "b"}\r\n{"text": "c"}', "jsonl")
    assert found == [Line(1, {"text": "a"}), Line(4, {"text": "b"}), Line(5, {"text": "c"})]


def test_a_unicode_line_separator_ends_no_json_line() -> None:
    assert lines('{"text": "a\u2028b\u0085c"}', "jsonl") == [Line(1, {"text": "a\u2028b\u0085c"})]


@pytest.mark.parametrize(("content", "file_format"), [('{"text": "a"}', "jsonl"), ("text\na", "csv")])
def test_a_byte_order_mark_is_no_part_of_the_first_line(content: str, file_format: str) -> None:
    (line,) = lines(b"\xef\xbb\xbf" + content.encode(), file_format)
    assert line.content == {"text": "a"}


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (b'{"text": ', "not JSON: Expecting value"),
        (b"text", "not JSON"),
        (b'["a"]', "got a JSON list, expected an object"),
        (b"3", "got a JSON int, expected an object"),
        (b'{"text": "\xff"}', "byte 11 of the line is not UTF-8"),
        (b'{"share": NaN}', "NaN is no finite number"),
        (b'{"share": 1e999}', "1e999 is no finite number"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"text": ' + b"[" * 70 + b"]" * 70 + b"}", "nested too deep"),
        (b'{"count": ' + b"9" * 5000 + b"}", "not JSON"),
    ],
)
def test_a_broken_json_line_spoils_no_other(broken: bytes, message: str) -> None:
    before, line, after = lines(b'{"text": "a"}\n' + broken + b'\n{"text": "b"}\n', "jsonl")
    assert (line.number, before.content, after.content) == (2, {"text": "a"}, {"text": "b"})
    assert message in problem(line)
    assert len(problem(line)) < 300


def test_csv_cells_take_the_types_of_the_fields() -> None:
    content = 'text,pair,parts,count,share,wide\n12,,"[""a"", ""b""]",3,0.5,TRUE\n"x, ""y""\nz",p,[],-1,2,false\n'
    assert lines(content, "csv") == [
        Line(2, {"text": "12", "parts": ["a", "b"], "count": 3, "share": 0.5, "wide": True}),
        Line(3, {"text": 'x, "y"\nz', "pair": "p", "parts": [], "count": -1, "share": 2.0, "wide": False}),
    ]


def test_an_empty_cell_is_empty_text_of_a_required_field_and_else_its_default() -> None:
    assert lines("text,pair,count\n,,\n", "csv") == [Line(2, {"text": ""})]


def test_a_cell_that_cannot_be_read_is_left_to_the_request_to_refuse() -> None:
    (line,) = lines("text,count,wide,parts\na,many,maybe,b\n", "csv")
    assert isinstance(line.content, dict)
    with pytest.raises(InputError) as caught:
        Example.from_record(line.content)
    assert [text.split()[0] for text in caught.value.problems] == ["parts", "count", "wide"]


def test_rows_are_numbered_by_their_first_line() -> None:
    assert [line.number for line in lines('text\n"a\nb\nc"\n\nd\n', "csv")] == [2, 6]


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (b"b,c,d", "3 cells, expected 2 as in the header"),
        (b"b", "1 cells, expected 2"),
        (b'"b"x,c', "not CSV"),
        (b"\xff,c", "text is not UTF-8"),
    ],
)
def test_a_broken_csv_row_spoils_no_other(broken: bytes, message: str) -> None:
    before, line, after = lines(b"text,pair\na,b\n" + broken + b"\nc,d\n", "csv")
    assert (before.content, after.content) == ({"text": "a", "pair": "b"}, {"text": "c", "pair": "d"})
    assert line.number == 3
    assert message in problem(line)


def test_an_unclosed_quote_is_a_broken_row() -> None:
    (line,) = lines('text\n"never closed\nmore\n', "csv")
    assert (line.number, "not CSV" in problem(line)) == (2, True)


def test_a_cell_longer_than_the_limit_is_a_broken_row_and_one_of_the_limit_is_not() -> None:
    assert lines("text\n" + "x" * LONGEST_CELL, "csv")[0].content == {"text": "x" * LONGEST_CELL}
    assert "not CSV" in problem(lines("text\n" + "x" * (LONGEST_CELL + 1), "csv")[0])


@pytest.mark.parametrize("file_format", ["jsonl", "csv"])
def test_an_empty_file_has_no_lines(file_format: str) -> None:
    assert lines("", file_format) == []


def test_a_doubled_column_is_refused() -> None:
    with pytest.raises(InputError, match="line 1: the column 'text' stands there twice"):
        lines("text,text\na,b\n", "csv")


@pytest.mark.parametrize("file_format", ["jsonl", "csv"])
def test_lines_are_read_one_at_a_time(file_format: str) -> None:
    content = {"jsonl": '{"text": "a"}\n', "csv": "text\n"}[file_format] * 200_000
    stream = io.BytesIO(content.encode())
    found = read_lines(stream, file_format, Example)
    next(found)
    assert stream.tell() < 100_000
    found.close()  # type: ignore[attr-defined]  # a generator
    assert not stream.closed


@pytest.mark.parametrize(
    ("path", "expected"), [("a.jsonl", "jsonl"), ("a.NDJSON", "jsonl"), ("b/c.csv", "csv"), ("-", "jsonl")]
)
def test_the_extension_names_the_format(path: str, expected: str) -> None:
    assert format_of(path) == expected


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("a.parquet", "convert it to one of these"),
        ("a.json", "the extension is .json, expected .jsonl, .ndjson, .csv"),
        ("requests", "the extension is missing"),
    ],
)
def test_another_extension_is_refused(path: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        format_of(path)


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_a_csv_file_may_be_closed_before_its_last_row_is_read() -> None:
    stream = io.BytesIO(b"text\na\nb\n")
    rows = read_lines(stream, "csv", Example)
    assert next(rows) == Line(2, {"text": "a"})
    stream.close()
    del rows
    gc.collect()
