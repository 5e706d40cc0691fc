"""A change inside its interval is called none shown, and what was refused says why."""

from __future__ import annotations

from benchmarks.machine import Machine
from benchmarks.results import Result

from benchmarks import accuracy_table

MACHINE = Machine("Some CPU", "6/1", ("avx2",), 2, 8, "3.11.7", "Linux x86_64", {"numpy": "2.0"}, "abc+", 0.5)


def quality(name: str, value: float, low: float, high: float) -> dict[str, object]:
    return {"metric": name, "value": value, "low": low, "high": high, "samples": 400}


MEASURED = {
    "about": "the demo head, SQuAD v1.1 dev",
    "rows": [
        {
            "variant": "torch fp32",
            "metrics": [quality("F1", 0.714, 0.69, 0.738)],
            "differences": [quality("F1", 0.0, 0.0, 0.0)],
            "agreement": quality("same best span", 1.0, 1.0, 1.0),
        },
        {
            "variant": "fp16",
            "metrics": [quality("F1", 0.713, 0.689, 0.737)],
            "differences": [quality("F1", -0.001, -0.003, 0.001)],
            "agreement": quality("same best span", 0.998, 0.99, 1.0),
            "size": 45_500_000,
        },
        {
            "variant": "int8",
            "metrics": [quality("F1", 0.66, 0.63, 0.69)],
            "differences": [quality("F1", -0.054, -0.07, -0.03)],
            "agreement": quality("same best span", 0.7, 0.65, 0.74),
            "size": 23_000_000,
        },
        {"variant": "other", "refused": "bert-export: no plan holds the budget"},
    ],
}


def test_a_change_is_shown_only_where_its_interval_leaves_out_zero() -> None:
    lines = list(accuracy_table.accuracy(MEASURED))

    assert lines[0] == ("The demo head, SQuAD v1.1 dev; 400 samples. Metrics in percent with their 95% intervals.")
    assert "| torch fp32 | 71.4 (69.0 to 73.8) |  |  |  |" in lines
    assert "| fp16 | 71.3 (68.9 to 73.7) | none shown (-0.10; -0.30 to +0.10) | 99.8% | 45.5 |" in lines
    assert "| int8 | 66.0 (63.0 to 69.0) | -5.40 (-7.00 to -3.00) | 70.0% | 23.0 |" in lines
    assert lines[-1] == "* other: bert-export: no plan holds the budget"


def test_the_overview_has_a_row_for_each_head_and_leaves_out_what_was_refused() -> None:
    results = [Result("accuracy", "question-answering", MACHINE, 2, MEASURED), Result("latency", "x", MACHINE, 2, [])]

    assert list(accuracy_table.overview(results)) == [
        "| head | torch fp32 | fp16 | int8 |",
        "|---|---:|---:|---:|",
        "| question-answering: F1, 400 samples | 71.4 (69.0 to 73.8) | 71.3 =, 99.8%, 46 MB | 66.0, 70.0%, 23 MB |",
    ]


def test_fine_tuning_says_how_much_came_back() -> None:
    values = {"fp32": 0.85, "int8": 0.8, "int8, fine-tuned": 0.84}
    accuracies = {name: quality("accuracy", value, 0.7, 0.9) for name, value in values.items()}
    lines = list(accuracy_table.finetune({"factor": 64.0, "texts": 9, "accuracy": accuracies, "recovered": 0.8}))

    assert "| int8 | 80.0 (70.0 to 90.0) |" in lines
    assert lines[-1] == "Fine-tuning brought back 80% of what int8 had lost."
