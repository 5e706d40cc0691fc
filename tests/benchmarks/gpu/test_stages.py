"""What each stage leaves out it names, and what must not be disturbed is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.gpu.engines.engine import Stall
from benchmarks.gpu.process import Budget
from benchmarks.gpu.race import Course
from benchmarks.gpu.shapes import shapes
from benchmarks.gpu.stages import Clock, Run, measure
from benchmarks.gpu.worker import profile
from benchmarks.workload import SIZES, Model
from tests.benchmarks.gpu.toys import Toy

SHAPES = shapes((1, 8, 32), (128, 384), (1.0,))


@pytest.fixture
def stall(tmp_path: Path) -> Stall:
    """With nothing built."""
    return Stall(Model("text-classification", "tiny"), tmp_path, shapes((1, 2), (16,), (1.0,)), 1)


def measured(stall: Stall, toys: list[Toy], seconds: float) -> tuple[Course, Clock]:
    course, clock = Course(SIZES["tiny"], "a", None), Clock()
    measure({toy.name: toy for toy in toys}, stall, course, Run(clock, Budget.of(seconds), lambda: None))
    return course, clock


@pytest.mark.slow
def test_who_times_kernels_while_it_loads_is_alone_then(stall: Stall, tmp_path: Path) -> None:
    log = tmp_path / "log"
    toys = [Toy(name, log=log, loads_alone=name.startswith("alone")) for name in ("a", "alone 1", "b", "alone 2")]
    course, clock = measured(stall, toys, 300)
    lines = log.read_text(encoding="utf-8").splitlines()
    assert lines[:4] == ["alone 1 begins", "alone 1 ends", "alone 2 begins", "alone 2 ends"]
    assert sorted(lines[4:]) == ["a begins", "a ends", "b begins", "b ends"]
    assert set(clock.stages) == {"build", "load", "ceilings", "measure"}
    assert course.ceilings is not None
    # Outputs of toys are not torch's: none of them may have been timed.
    assert course.runs == []
    assert {each["name"].split(",")[0] for each in course.skipped} == {toy.name for toy in toys}


def test_without_time_to_build_everything_is_skipped_with_the_reason(stall: Stall) -> None:
    course, _ = measured(stall, [Toy("a"), Toy("b")], 0.0)
    assert [each["name"] for each in course.skipped][:2] == ["a", "b"]
    assert "no checkpoint could be made: no answer after 0 s" in course.skipped[0]["why"]


def test_a_tensorrt_engine_is_built_for_the_sizes_that_are_measured() -> None:
    stall = Stall(Model("text-classification", "bert-base"), Path(), SHAPES, 1)
    assert profile(stall) == "batch=1:8:32,sequence=128:384:384"
