"""PyTorch's rivals answer as PyTorch does, and expectations are judged by what was measured."""

from __future__ import annotations

from typing import Any

import pytest
from benchmarks.checkpoints import random_checkpoint
from benchmarks.gpu.engines.engine import Outputs, Stall
from benchmarks.gpu.engines.torch import TorchEngine
from benchmarks.gpu.expected import EXPECTED, FLOOR, verdicts
from benchmarks.gpu.race import TOLERANCES, difference
from benchmarks.gpu.report import table
from benchmarks.gpu.shapes import Shape
from benchmarks.made_up_tokenizer import write_tokenizer
from benchmarks.workload import Model

SHAPES = [Shape(4, 32, 0.5), Shape(2, 16, 1.0)]


@pytest.fixture(scope="module")
def stall(tmp_path_factory: pytest.TempPathFactory) -> Stall:
    folder = tmp_path_factory.mktemp("rivals")
    stall = Stall(Model.parse("text-classification-tiny"), folder, SHAPES, 1)
    random_checkpoint(stall.model, stall.checkpoint, put_tokenizer=write_tokenizer)
    return stall


def outputs(stall: Stall, engine: TorchEngine, shape: Shape) -> Outputs:
    call = engine.load(stall).prepare(shape.feeds())
    call.run()
    return call.outputs()


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
@pytest.mark.parametrize(
    ("rival", "precision"),
    [
        (TorchEngine("", "cpu", "fp32", attention="packed"), "fp32"),
        (TorchEngine("", "cpu", "fp8"), "fp8"),
        (TorchEngine("", "cpu", "fp32", attention="no-cudnn"), "fp32"),
    ],
)
def test_a_rival_answers_as_the_model_does(rival: TorchEngine, precision: str, shape: Shape, stall: Stall) -> None:
    expected = outputs(stall, TorchEngine("", "cpu", "fp32"), shape)
    assert difference(expected, outputs(stall, rival, shape)) <= TOLERANCES[precision]


def test_products_in_fp8_are_rounded_indeed(stall: Stall) -> None:
    exact, rounded = (outputs(stall, TorchEngine("", "cpu", kind), SHAPES[0]) for kind in ("fp32", "fp8"))
    assert difference(exact, rounded) > TOLERANCES["fp32"]


def run_of(peer: str, ms: float, floor: float = 0.04) -> dict[str, Any]:
    return {"batch": 1, "sequence": 128, "fill": 1.0, "peer": peer, "rounds": [[ms]], "floor": floor}


@pytest.mark.parametrize(
    ("ms", "told"),
    [(0.95, "as expected"), (1.19, "as expected"), (2.2, "slower, 2.00 of it"), (0.45, "faster, 0.50 of it")],
)
def test_a_figure_confirms_or_refutes_what_was_expected(ms: float, told: str) -> None:
    rows = {(size, engine): row for size, engine, *row in verdicts([run_of("bert-export, cuda fp16", ms)])}
    assert len(rows) == sum(map(len, EXPECTED.values()))
    assert rows["b1 s128", "bert-export, cuda fp16"] == ["0.9 to 1.1", f"{ms:.3g}", told]
    assert rows["b1 s128", FLOOR] == ["0.04", "0.04", "as expected"]
    assert rows["b128 s384", "bert-export, cuda fp16"] == ["20", "not measured", ""]


def test_expectations_are_of_one_gpu_alone() -> None:
    run = run_of("bert-export, cuda fp16", 1.0) | {"baseline": "x"}
    result: dict[str, Any] = {"device": "NVIDIA H200", "model": "text-classification-bert-base", "ceilings": None}
    result |= {"runs": [run], "skipped": [], "stages": {}, "extras": {}}
    assert any("as expected" in line for line in table(result))
    assert not any("as expected" in line for line in table(result | {"device": "NVIDIA A10"}))
