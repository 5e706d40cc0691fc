"""Each kind of result becomes the figures that it is for, with its own values in them."""

from __future__ import annotations

from typing import Any

import numpy as np
from benchmarks.machine import Machine
from benchmarks.page.figure import Drawn
from benchmarks.page.figures import figures
from benchmarks.results import Result

MACHINE = Machine("Some CPU", "6/1", ("avx2",), 2, 8, "3.11.7", "Linux x86_64", {"numpy": "2.0"}, "abc+", 0.5)


def drawn(benchmark: str, measurements: Any, threads: int = 2) -> dict[str, Drawn]:
    return {each.name: each for each in figures(Result(benchmark, "m", MACHINE, threads, measurements))}


def bars(figure: Drawn, panel: int = 0) -> dict[str, float]:
    axes = figure.figure.axes[panel]
    names = [label.get_text() for label in figure.figure.axes[0].get_yticklabels()]
    widths = {round(patch.get_y() + 0.33): patch.get_width() for patch in axes.patches}  # type: ignore[attr-defined]
    return {names[row]: width for row, width in sorted(widths.items())}


def timing(peer: str, batch: int, sequence: int, *milliseconds: float) -> dict[str, Any]:
    rounds = [[each] for each in milliseconds]
    return {"batch": batch, "sequence": sequence, "peer": peer, "baseline": "torch-eager", "rounds": rounds}


RACE = [
    *(timing("torch-eager", 1, length, length / 2.0) for length in (32, 128)),
    *(timing("bert-export", 1, length, length / 8.0) for length in (32, 128)),
    timing("torch-eager", 8, 128, 400.0),
    timing("bert-export", 8, 128, 100.0),
]


def test_a_race_is_drawn_over_its_lengths_its_batches_and_against_its_baseline() -> None:
    found = drawn("latency", RACE)
    assert set(found) == {"length-b1", "batch-s128", "ratio"}
    curve = found["length-b1"].figure.axes[0].lines[1]
    assert np.asarray(curve.get_xdata()).tolist() == [32, 128]
    assert np.asarray(curve.get_ydata()).tolist() == [4.0, 16.0]
    throughput = found["batch-s128"].figure.axes[0].lines[1]
    assert np.asarray(throughput.get_ydata()).tolist() == [62.5, 80.0]
    assert bars(found["ratio"]) == {"bert-export": 4.0, "torch eager": 1.0}


def test_cpu_time_is_never_called_time() -> None:
    for benchmark, wanted in (("cpu_time", "CPU time"), ("int8_speed_1", "CPU time"), ("int8_speed_2", "Time")):
        assert drawn(benchmark, RACE)["length-b1"].title.startswith(wanted)


def test_a_race_of_one_case_has_its_ratios_alone_and_an_engine_may_lack_a_case() -> None:
    assert set(drawn("latency", RACE[-2:])) == {"ratio"}
    assert set(drawn("latency", RACE[:-1])) == {"length-b1", "batch-s128", "ratio"}


def test_real_texts_are_compared_and_a_share_of_a_batch_is_no_throughput() -> None:
    texts = [timing("torch-eager", batch, 40, 9.0) for batch in (1, 512)]
    texts += [timing("bert-export", batch, 40, 3.0) for batch in (1, 512)]
    found = drawn("real_text", texts)
    assert set(found) == {"ratio"}
    assert [axes.get_title(loc="left") for axes in found["ratio"].figure.axes] == ["one by one", "512 at once"]


def test_requests_of_new_lengths_are_a_line_of_means_for_each_way() -> None:
    ways = [
        {"way": "ours", "rounds": [[10.0] * 50, [30.0] * 50], "mib": [300.0, 300.0]},
        {"way": "theirs", "rounds": [[40.0] * 50, [80.0] * 50], "mib": [900.0, 900.0]},
    ]
    (figure,) = drawn("new_lengths", ways).values()
    of_ways = figure.figure.axes[0].get_lines()[:2]  # their labels have lines too
    starts = [np.array(each.get_xydata())[0].round(6).tolist() for each in of_ways]
    assert starts == [[21.0, 20.0], [21.0, 60.0]]


def test_processes_are_drawn_by_time_and_memory() -> None:
    runs = {"ours": [{"seconds": 0.5, "peak_mib": 200.0}], "theirs": [{"seconds": 5.0, "peak_mib": 900.0}]}
    (figure,) = drawn("memory", {"start": runs}).values()
    assert bars(figure) == {"ours": 0.5, "theirs": 5.0}
    assert bars(figure, panel=1) == {"ours": 200.0, "theirs": 900.0}


def test_a_roofline_shows_the_share_of_the_best_chain_in_the_same_precision() -> None:
    engine = {"peer": "torch-eager", "precision": "fp32", "operations": 100e9, "rounds": [[1000.0]]}
    bulk = {"peer": "bert-export", "precision": "int8", "operations": 400e9, "seconds": [1.0, 1.0]}
    peaks = {"fp32": {"a": 0.1, "b": 0.2}, "int8": {"a": 0.8}}
    (figure,) = drawn("roofline", {"peaks": peaks, "engines": [engine], "bulk": [bulk]}).values()
    assert bars(figure) == {"torch eager (fp32)": 50.0}
    assert bars(figure, panel=1) == {"bert-export (int8)": 50.0}
    bulk |= {"peaks": [1.0, 1.0]}  # what the chain reached while these texts were answered
    (figure,) = drawn("roofline", {"peaks": peaks, "engines": [engine], "bulk": [bulk]}).values()
    assert bars(figure, panel=1) == {"bert-export (int8)": 40.0}


def gpu_run(peer: str, shape: tuple[int, int, float], milliseconds: float, floor: float | None = 0.5) -> dict[str, Any]:
    batch, sequence, fill = shape
    return {**timing(peer, batch, sequence, milliseconds), "baseline": "torch", "fill": fill, "floor": floor}


def test_a_gpu_has_its_ratios_its_floor_and_the_cost_of_padding() -> None:
    sizes = [(b, s, f) for b in (1, 8) for s in (128, 384) for f in (1.0, 0.5)]
    runs = [gpu_run("torch", size, 4.0) for size in sizes]
    runs += [gpu_run("ours", size, 2.0 * size[2]) for size in sizes]
    found = drawn("gpu", {"device": "NVIDIA X", "runs": runs, "skipped": []})
    assert set(found) == {"length-b1", "length-b8", "batch-s128", "batch-s384", "ratio", "floor", "fill"}
    assert bars(found["ratio"]) == {"ours": 2.0, "torch": 1.0}  # of full batches
    assert bars(found["floor"]) == {"ours": 4.0, "torch": 8.0}
    assert found["fill"].title.startswith("b8 s384")
    assert np.asarray(found["fill"].figure.axes[0].lines[1].get_ydata()).tolist() == [1.0, 2.0]
    assert "NVIDIA X" in found["ratio"].explanation


def test_a_gpu_without_ceilings_has_no_floor_and_one_without_runs_no_figure() -> None:
    runs = [gpu_run("torch", (1, 128, 1.0), 4.0, floor=None)]
    assert set(drawn("gpu", {"device": "x", "runs": runs})) == {"ratio"}
    assert drawn("gpu", {"device": "x", "runs": []}) == {}
