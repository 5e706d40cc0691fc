from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.machine import Machine
from benchmarks.markdown import replaced
from benchmarks.results import Result, read_all, save

from benchmarks import speed_table, table

MACHINE = Machine("Some CPU", "6/1", ("avx2",), 2, 8, "3.11.7", "Linux x86_64", {"numpy": "2.0"}, "abc+", 0.5)
LATENCY = [
    {"batch": 1, "sequence": 32, "peer": "bert-export", "baseline": "onnxruntime-raw", "rounds": [[5.0], [5.0]]},
    {"batch": 1, "sequence": 32, "peer": "onnxruntime-raw", "baseline": "onnxruntime-raw", "rounds": [[10.0], [8.0]]},
]


def test_a_latency_table_has_a_row_for_each_engine_and_ratios_to_the_baseline() -> None:
    assert list(speed_table.latency(LATENCY)) == [
        "| engine: p50 / p90 / p99 | b1 s32 |",
        "|---|---:|",
        "| bert-export | 5.0 / 5.0 / 5.0 ms, 1.80x (1.70-1.90) |",
        "| ONNX Runtime, raw export | 8.0 / 10.0 / 10.0 ms |",
    ]


def test_a_latency_table_tells_the_versions_of_peers_that_run_elsewhere() -> None:
    other = {**LATENCY[0], "peer": "optimum-o2", "versions": {"optimum-onnx": "0.1.0", "transformers": "4.57.6"}}
    lines = list(speed_table.latency([*LATENCY, other]))
    assert lines[-2:] == ["", "* Optimum, ORTModel O2: optimum-onnx 0.1.0, transformers 4.57.6"]


def test_a_table_of_real_texts_tells_how_often_the_answers_are_those_of_fp32() -> None:
    common = {"sequence": 27, "baseline": "transformers-pipeline"}
    measured = [
        {**common, "batch": batch, "peer": peer, "agreement": agreement, "rounds": [[time]]}
        for batch, peer, agreement, time in (
            (1, "bert-export", 1.0, 2.0),
            (1, "transformers-pipeline", 0.9, 8.0),
            (64, "bert-export", 1.0, 1.0),
            (64, "transformers-pipeline", 0.9, 5.0),
        )
    ]
    assert list(speed_table.real_text(measured)) == [
        "| engine: p50 / p90 / p99 | one by one | 64 at once, each |",
        "|---|---:|---:|",
        "| bert-export | 2.0 / 2.0 / 2.0 ms, 4.00x (4.00-4.00) | 1.0 / 1.0 / 1.0 ms, 5.00x (5.00-5.00) |",
        "| transformers pipeline, torch fp32 | 8.0 / 8.0 / 8.0 ms | 5.0 / 5.0 / 5.0 ms |",
        "",
        "A request has 27 tokens in the mean. Answers as bert-export's in fp32: "
        "bert-export 100.0%, transformers pipeline, torch fp32 90.0%.",
    ]


def test_a_table_of_new_lengths_tells_mean_percentiles_and_memory() -> None:
    measured = [{"way": "ours", "rounds": [[10.0, 30.0], [20.0, 140.0]], "mib": [300.0, 310.0]}]
    assert list(table.new_lengths(measured)) == [
        "| way | mean, ms | p50 | p90 | p99 | MiB at the end |",
        "|---|---:|---:|---:|---:|---:|",
        "| ours | 50.0 | 20.0 | 140.0 | 140.0 | 305 |",
    ]


def test_a_memory_table_compares_processes_and_shows_how_bulk_work_grows() -> None:
    starts = {
        "ours": [{"seconds": 0.5, "peak_mib": 100.0}, {"seconds": 0.7, "peak_mib": 102.0}],
        "theirs": [{"seconds": 5.0, "peak_mib": 505.0}, {"seconds": 7.0, "peak_mib": 505.0}],
    }
    samples = [[1000, 200.0], [4000, 210.0], [10_000, 230.0], [100_000, 204.0]]
    bulk = {"bundle": "some bundle", "samples": {"latency": samples}}
    assert list(speed_table.memory({"start": starts, "bulk": bulk})) == [
        "| process | first answer | times ours | peak memory | times ours |",
        "|---|---:|---:|---:|---:|",
        "| ours | 0.60 s |  | 101 MiB |  |",
        "| theirs | 6.00 s | 10.0x | 505 MiB | 5.0x |",
        "",
        "In bulk, some bundle:",
        "",
        "* latency mode: 204 MiB after 100,000 requests, beside 200 MiB after 1,000 requests (+2.0%) "
        "and 210 MiB after 4,000 requests (-2.9%)",
    ]


def test_a_roofline_sets_every_engine_beside_the_fastest_chain_of_its_precision() -> None:
    peaks = {"fp32": {"OpenVINO": 0.1, "ONNX Runtime": 0.2}, "int8": {"OpenVINO": 0.8}}
    engine = {"peer": "torch-eager", "precision": "fp32", "operations": 1e11, "rounds": [[1000.0]]}
    bulk = {"peer": "x", "precision": "int8", "operations": 2e12, "seconds": [5.0], "texts": 3, "tokens": 9}
    lines = list(speed_table.roofline({"peaks": peaks, "engines": [engine], "bulk": [bulk]}))
    assert "| int8 | 0.800 |  |" in lines
    assert "| torch eager | fp32 | b8 s128 | 0.100 | 50% |" in lines
    assert "| x | int8 | mixed real texts in bulk | 0.400 | 50% |" in lines
    bulk |= {"seconds": [5.0, 5.0, 2.5], "peaks": [0.8, 0.5, 1.0]}  # of 50%, 80% and 80%
    lines = list(speed_table.roofline({"peaks": peaks, "engines": [engine], "bulk": [bulk]}))
    assert "| x | int8 | mixed real texts in bulk | 0.400 | 80% |" in lines


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
