from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.machine import Machine
from benchmarks.markdown import replaced
from benchmarks.results import Result, read_all, save

from benchmarks import table

MACHINE = Machine("Some CPU", "6/1", ("avx2",), 2, 8, "3.11.7", "Linux x86_64", {"numpy": "2.0"}, "abc+", 0.5)
LATENCY = [
    {"batch": 1, "sequence": 32, "peer": "bert-export", "baseline": "onnxruntime-raw", "rounds": [[5.0], [5.0]]},
    {"batch": 1, "sequence": 32, "peer": "onnxruntime-raw", "baseline": "onnxruntime-raw", "rounds": [[10.0], [8.0]]},
]


def test_a_latency_table_has_a_row_for_each_engine_and_a_ratio_for_all_but_the_baseline() -> None:
    assert list(table.latency(LATENCY)) == [
        "| engine | b1 s32 |",
        "|---|---:|",
        "| bert-export | 5.0 ms, 1.80x (1.70-1.90) |",
        "| ONNX Runtime, raw export | 9.0 ms |",
    ]


def test_a_tokenising_table_compares_every_engine_with_the_tokenizers_library() -> None:
    rounds = {"bert_runtime, C++": [[1.0, 1.0], [2.0]], table.LIBRARY: [[20.0], [20.0]]}
    assert list(table.tokenise([{"text": "10 words", "words": 10, "pieces": 12, "rounds": rounds}])) == [
        "| engine | 10 words, 12 pieces |",
        "|---|---:|",
        "| bert_runtime, C++ | 1.5 us, 15.0x (12.5-17.5) |",
        "| tokenizers, encode | 20.0 us |",
    ]


def test_the_overhead_of_a_request_is_all_but_tokenising_and_the_graph() -> None:
    calls = [{"tokenise": 1.0, "encode": 0.1, "graph": 9.0, "decode": 0.2}] * 3
    starts = {"pass": [{"wall": 0.3, "cpu": 0.05}, {"wall": 0.1, "cpu": 0.06}]}
    measured = {"request": [{"tokens": 40, "calls": calls}], "start": starts, "import": {"numpy": 50.0}}
    lines = list(table.overhead(measured))
    assert "| **overhead** | 0.300 |" in lines
    assert "| pass | 0.10 | 0.20 | 0.05 |" in lines


def test_the_stages_of_an_export_add_up_to_the_whole_command() -> None:
    runs = [
        {"seconds": 30.0, "cpu_seconds": 1.0, "stages": {"trace": 1.0}, "peak_mib": 900},
        {"seconds": 10.0, "cpu_seconds": 8.0, "stages": {"trace": 6.0}, "peak_mib": 800},
    ]
    lines = list(table.export_time(runs))
    assert "| trace | 6.0 | 60% |" in lines
    assert "| start, imports and end | 4.0 | 40% |" in lines
    assert lines[-1] == "Fastest of 2 runs; 8.0 s of CPU time, peak memory 900 MiB."


def test_a_generation_table_has_the_cost_of_a_token_its_ratio_and_its_growth() -> None:
    measured = [
        {"writer": "ours", "prompt": 16, "new": 2, "rounds": [[3.0, 1.0], [2.0, 2.0]]},
        {"writer": "theirs", "prompt": 16, "new": 2, "rounds": [[8.0, 8.0], [8.0, 8.0]]},
        {"writer": "ours", "prompt": 16, "new": 200, "rounds": [[9.0] + [1.0] * 100 + [3.0] * 99]},
    ]
    assert list(table.generation(measured)) == [
        "| writer | ms a token | times ours |",
        "|---|---:|---:|",
        "| ours, 2 tokens | 2.00 |  |",
        "| theirs, 2 tokens | 8.00 | 4.0x (4.0-4.0) |",
        "| ours, 200 tokens | 2.03 |  |",
        "",
        "A token after about 48 others: 1.00 ms; after about 184: 3.00 ms. The page draws it.",
    ]


def test_results_of_one_machine_stand_under_one_heading_with_their_circumstances() -> None:
    results = [Result("latency", subject, MACHINE, 2, LATENCY) for subject in ("first", "second")]
    text = table.tables(results)
    assert text.count("### some-cpu-avx2-2cpu") == 1
    assert text.count("2 threads, commit abc+, Python 3.11.7, numpy 2.0.") == 2
    assert text.index("latency: first") < text.index("latency: second")


def test_only_what_stands_between_the_marks_is_replaced() -> None:
    page = f"before\n{table.MARKS[0]}\nold\n{table.MARKS[1]}\nafter\n"
    assert replaced(page, "new", table.MARKS) == f"before\n{table.MARKS[0]}\n\nnew\n\n{table.MARKS[1]}\nafter\n"


@pytest.mark.parametrize("page", ["", table.MARKS[0], f"{table.MARKS[1]} {table.MARKS[0]}"])
def test_a_page_without_its_marks_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="lacks"):
        replaced(page, "new", table.MARKS)


def test_a_result_is_read_back_as_it_was_saved(tmp_path: Path) -> None:
    path = save("latency", "model", 2, LATENCY, tmp_path)
    (result,) = read_all(tmp_path)
    assert (result.benchmark, result.subject, result.threads, result.measurements) == ("latency", "model", 2, LATENCY)
    assert path.parent.name == result.machine.name


def test_the_readme_shows_the_tables_of_the_results_that_are_kept() -> None:
    page = table.README.read_text(encoding="utf-8")
    assert page == replaced(page, table.tables(read_all()), table.MARKS)
