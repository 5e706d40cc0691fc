"""The command runs from end to end without a GPU, and says of every figure where it comes from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.checkpoints import random_checkpoint
from benchmarks.gpu.__main__ import main
from benchmarks.gpu.engines import ENGINES, GPU_ENGINES, REHEARSAL
from benchmarks.gpu.engines.engine import Outputs, Stall
from benchmarks.gpu.engines.torch import TorchEngine
from benchmarks.gpu.race import TOLERANCES, difference
from benchmarks.gpu.shapes import Shape
from benchmarks.table import TABLES
from benchmarks.workload import Feeds, Model

from bert_runtime.machine.driver import read_driver

SHAPE = Shape(4, 32, 0.5)
RUN = ["torch-on-cpu", "cuda-file-on-cpu"]
ABSENT = ["torch-fp16", "torch-fp16-graphs", "torch-fp16-compile", "cuda", "cuda-binding", "cuda-graphs", "tensorrt"]

no_gpu = pytest.mark.skipif(read_driver() is not None, reason="an NVIDIA driver is here: a claim of machines without")


@pytest.mark.slow
@no_gpu
def test_without_a_gpu_it_is_a_rehearsal_that_names_what_is_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    sizes = ["--batches", "1", "4", "--lengths", "16", "--fills", "0.5", "1"]
    main(["--engines", *ABSENT, *RUN, *sizes, "--seconds", "500", "--output", "results"])
    (path,) = Path("results").glob("*/*.json")
    record = json.loads(path.read_text(encoding="utf-8"))
    measured = record["measurements"]
    assert record["benchmark"] == "gpu_rehearsal"
    assert "no figure of a GPU" in measured["device"]
    assert record["machine"]["gpus"] == []
    assert {run["peer"] for run in measured["runs"]} == {REHEARSAL[name].name for name in RUN}
    assert len(measured["runs"]) == 2 * 2 * len(RUN)
    assert all("CPU" in run["peer"] and run["floor"] > 0 and run["on_gpu"] is None for run in measured["runs"])
    skipped = {each["name"]: each["why"] for each in measured["skipped"]}
    assert skipped.keys() == {GPU_ENGINES[name].name for name in ABSENT}
    assert all("no NVIDIA GPU and no driver" in why for why in skipped.values())
    page = Path("results/index.html").read_text(encoding="utf-8")
    printed = capfd.readouterr()
    for told in (page, printed.out):
        assert "no figure of a GPU" in told
        assert all(name in told for name in skipped)
    assert "<figure>" in page
    assert (Path("build/benchmarks/gpu/text-classification-tiny/bundle/manifest.json")).is_file()


def test_all_that_is_wrong_with_the_flags_is_said_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = ["--model", "multiple-choice-tiny", "--batches", "0", "--lengths", "1000", "--fills", "1.5"]
    with pytest.raises(SystemExit) as ended:
        main([*wrong, "--seconds", "-1"])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    for flag in ("--model is multiple-choice-tiny", "--batches has 0", "--lengths has 1000", "--fills has 1.5"):
        assert flag in told
    assert "--seconds has -1" in told


def test_the_names_of_rehearsing_engines_say_so_and_no_name_is_used_twice() -> None:
    assert all("CPU" in engine.name and engine.device == "cpu" for engine in REHEARSAL.values())
    assert not any("CPU" in engine.name or engine.device == "cpu" for engine in GPU_ENGINES.values())
    assert len({engine.name for engine in ENGINES.values()}) == len(ENGINES)


def outputs(stall: Stall, engine: TorchEngine, feeds: Feeds) -> Outputs:
    call = engine.load(stall).prepare(feeds)
    call.run()
    return call.outputs()


@pytest.mark.parametrize("task", ["text-classification", "question-answering"])
def test_the_tolerance_lets_half_precision_pass_and_an_ignored_mask_not(task: str, tmp_path: Path) -> None:
    stall = Stall(Model(task, "minilm-l6"), tmp_path, [SHAPE], 1)
    random_checkpoint(stall.model, stall.checkpoint)
    feeds = SHAPE.feeds()
    exact = outputs(stall, TorchEngine("", "cpu", "fp32"), feeds)
    rounded = outputs(stall, TorchEngine("", "cpu", "fp16"), feeds)
    blind = outputs(stall, TorchEngine("", "cpu", "fp16"), feeds | {"attention_mask": np.ones_like(feeds["input_ids"])})
    assert 0 < difference(exact, rounded) < TOLERANCES["fp16"] / 2
    assert difference(exact, blind) > TOLERANCES["fp16"]


def test_a_result_without_ceilings_or_runs_still_has_a_table() -> None:
    empty: dict[str, Any] = {
        "device": "x",
        "ceilings": None,
        "runs": [],
        "stages": {},
        "skipped": [{"name": "a", "why": "b"}],
    }
    assert "* skipped: a: b" in list(TABLES["gpu"](empty))


def test_shapes_and_values_that_are_not_numbers_differ_infinitely() -> None:
    one = [np.ones((2, 2), np.float32)]
    assert difference(one, [np.full((2, 2), np.nan, np.float32)]) == float("inf")
    assert difference(one, [np.ones((2, 3), np.float32)]) == float("inf")
    assert difference(one, []) == float("inf")
