"""The report says how to load the winner as it was timed, and the table holds every line."""

from __future__ import annotations

import dataclasses
import io

import pytest
from rich.console import Console

from bert_export.tuning.report import Line, Tuning
from bert_export.tuning.report_table import show

LINES = (
    Line("cpu fp32", 2, 12.345, 1.0, 1.0, 1.0),
    Line("openvino bf16", 1, 4.0, 3.09, 2.9, 3.2, 0.0012, "winner"),
    Line("cpu int8 per-token", 2, 6.0, 2.06, 2.0, 2.1, None, "timed", "nothing says how well it answers"),
    Line("cpu int8 performance", said="absent", reason="needs [calibration] data"),
    Line("openvino int8 performance", said="absent", reason="needs [calibration] data"),
)


def tuning(threads: int = 1, mode: str = "latency") -> Tuning:
    return Tuning(
        machine={"cpu": "A CPU", "instruction_sets": ["AVX2"], "cpus": 2, "quota": None, "packages": {}},
        mode=mode,
        requests={"from": "texts.jsonl", "number": 7, "tokens": {"least": 3, "median": 9, "most": 40}},
        lines=LINES,
        winner={"target": "openvino", "precision": "bf16", "preset": "", "threads": threads, "default_threads": 2},
        reason="it is faster [by far]",
    )


@pytest.mark.parametrize(
    ("threads", "mode", "flags", "options"),
    [
        (2, "latency", "", ""),
        (1, "latency", " --threads 1", ", options=Options(threads=1)"),
        (2, "throughput", " --mode throughput", ', options=Options(mode="throughput")'),
        (1, "throughput", " --threads 1 --mode throughput", ', options=Options(threads=1, mode="throughput")'),
    ],
)
def test_only_what_is_not_the_default_has_to_be_said(threads: int, mode: str, flags: str, options: str) -> None:
    command, call = tuning(threads, mode).commands("out")
    assert command == f"bert-run out{flags}"
    assert call == f'bert_runtime.load("out"{options})'


def shown() -> str:
    output = io.StringIO()
    show(tuning(), "a [b]", Console(file=output, width=100, highlight=False))
    return output.getvalue()


def test_every_line_is_in_the_table_with_its_numbers() -> None:
    rows = [line.replace("│", " ").split() for line in shown().splitlines()]
    assert ["cpu", "fp32", "2", "12.35", "1.00x", "1.00-1.00", "timed"] in rows
    assert ["openvino", "bf16", "1", "4.00", "3.09x", "2.90-3.20", "0.0012", "winner"] in rows
    assert ["cpu", "int8", "performance", "absent"] in rows


def test_the_table_fits_into_a_terminal_of_80_columns() -> None:
    names = ("cpu int8 per-token", "openvino int8 accuracy")
    lines = tuple(Line(name, 128, 1234.56, 10.25, 10.11, 11.99, -0.0123, "winner") for name in names)
    output = io.StringIO()
    show(dataclasses.replace(tuning(), lines=lines), "out", Console(file=output, width=80, highlight=False))
    for name in names:
        assert any(name in row and "10.11-11.99" in row and "winner" in row for row in output.getvalue().splitlines())


def test_a_reason_is_told_once_for_all_that_it_keeps_out() -> None:
    assert "cpu int8 performance, openvino int8 performance: needs [calibration] data\n" in shown()
    assert "cpu int8 per-token: nothing says how well it answers\n" in shown()


def test_the_machine_the_work_the_winner_and_the_commands_are_told() -> None:
    report = shown()
    assert "on A CPU (AVX2), 2 CPUs\n" in report
    assert "asked: 7 requests from texts.jsonl; tokens: least 3, median 9, most 40\n" in report
    assert "best here: openvino bf16, threads: 1; it is faster [by far]\n" in report
    assert "load it as it was timed: bert-run a [b] --threads 1\n" in report
