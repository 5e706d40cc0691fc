"""The report for people holds every number of the report."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from bert_export.report import ArtefactReport, ExportReport
from bert_export.report_table import show
from bert_export.verify import Check, Parity, Tolerance

REPORT = ExportReport(
    task="question-answering",
    bundle=Path("out") / "a bundle [with] brackets",
    size=12_345_678,
    notes=("pooling is taken as [mean]",),
    artefacts=(
        ArtefactReport(
            {"Attention": 11, "BiasGelu": 12},
            Parity("cpu", "fp32", Tolerance(1e-4), (Check("real texts", 8, 3.4e-6, 8), Check("length 33", 5, 1.2e-5))),
        ),
        ArtefactReport({}, Parity("portable", "fp32", Tolerance(1e-4), (Check("real texts", 7, 5.6e-6, 6),))),
        ArtefactReport({"Attention": 3}, Parity("cuda", "fp16", Tolerance(1e-3, 0.02), ()), "softmax"),
    ),
    seconds={"load": 1.25, "trace": 20.5},
)


def shown(width: int = 200, terminal: bool = False) -> str:
    output = io.StringIO()
    show(REPORT, Console(file=output, width=width, highlight=False, force_terminal=terminal))
    return output.getvalue()


def test_it_tells_what_was_made_and_how_long_it_took() -> None:
    assert "question-answering: out/a bundle [with] brackets (12.3 MB; load 1.2 s, trace 20.5 s)" in shown()


def test_it_tells_the_fusions_of_each_artefact() -> None:
    assert "cpu fp32: fused Attention 11, BiasGelu 12" in shown()
    assert "portable fp32: fused none" in shown()


def test_it_tells_what_stays_in_single_precision() -> None:
    assert "cuda fp16: fused Attention 3; in single precision: softmax\n" in shown()
    assert "tolerance 0.001 + 0.02 of the largest output: passed" in shown()


def test_it_tells_every_comparison() -> None:
    lines = [line.split() for line in shown().replace("│", " ").splitlines()]

    assert ["real", "texts", "8", "3.4e-06", "8", "of", "8"] in lines
    assert ["length", "33", "5", "1.2e-05"] in lines
    assert ["real", "texts", "7", "5.6e-06", "6", "of", "7"] in lines
    assert shown().count("tolerance 0.0001: passed") == 2


def test_it_tells_the_notes_as_they_are() -> None:
    assert "note: pooling is taken as [mean]" in shown()


def test_a_path_is_never_broken_into_lines() -> None:
    assert "question-answering: out/a bundle [with] brackets (12.3 MB; load" in shown(width=40)


def test_colours_are_for_terminals() -> None:
    assert "\x1b[" not in shown()
    assert "\x1b[" in shown(terminal=True)
