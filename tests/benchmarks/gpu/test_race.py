"""The race times whoever answers rightly, names whoever does not, and ends when its time does."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from benchmarks.gpu.engines.engine import Stall
from benchmarks.gpu.process import Budget, Process
from benchmarks.gpu.race import ROUNDS, Course, Racer, race
from benchmarks.gpu.shapes import Ceilings, Shape, shapes
from benchmarks.gpu.worker import serve
from benchmarks.workload import SIZES, Model
from tests.benchmarks.gpu.toys import Toy

SMALL = shapes((1, 4), (16,), (0.5,))
GOOD = Toy("good")


@contextlib.contextmanager
def started(toys: Sequence[Toy], asked: Sequence[Shape]) -> Iterator[tuple[list[Racer], Process]]:
    stall = Stall(Model("text-classification", "tiny"), Path(), asked, 1)
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(Process(serve, toy, stall)) for toy in (*toys, GOOD)]
        for process in processes:
            process.wait(60)
        yield [Racer(toy, process) for toy, process in zip(toys, processes, strict=False)], processes[-1]


def raced(toys: Sequence[Toy], asked: Sequence[Shape] = SMALL, seconds: float = 60) -> Course:
    course = Course(SIZES["tiny"], GOOD.name, Ceilings("fp32", 1e12, 1e11))
    with started(toys, asked) as (racers, reference):
        race(racers, reference, course, asked, Budget.of(seconds), lambda: None)
    return course


def reasons(course: Course) -> dict[str, str]:
    return {each["name"]: each["why"] for each in course.skipped}


def test_every_engine_is_timed_at_every_shape_in_as_many_rounds() -> None:
    course = raced([GOOD, Toy("slow", seconds=0.002)])
    assert [(run["batch"], run["peer"]) for run in course.runs] == [(b, n) for b in (1, 4) for n in ("good", "slow")]
    assert all(len(run["rounds"]) == ROUNDS and all(run["rounds"]) for run in course.runs)
    assert min(min(calls) for run in course.runs if run["peer"] == "slow" for calls in run["rounds"]) >= 2
    assert all(run["floor"] > 0 and run["difference"] == 0 and run["on_gpu"] is None for run in course.runs)
    assert course.skipped == []


def test_an_engine_that_ignores_the_mask_is_never_timed() -> None:
    course = raced([GOOD, Toy("wrong", ignores_mask=True)])
    assert {run["peer"] for run in course.runs} == {"good"}
    assert all("its outputs differ by" in why for why in reasons(course).values())
    assert set(reasons(course)) == {f"wrong, {shape.name}" for shape in SMALL}


def test_an_engine_that_fails_at_one_shape_is_left_out_there_alone() -> None:
    course = raced([GOOD, Toy("small", fails_from=4)])
    assert [run["batch"] for run in course.runs if run["peer"] == "small"] == [1]
    assert reasons(course) == {f"small, {SMALL[1].name}": "MemoryError: this batch is too large"}


def test_an_engine_that_dies_takes_nobody_with_it() -> None:
    course = raced([Toy("dead", dies=True), GOOD])
    assert {run["peer"] for run in course.runs} == {"good"}
    assert "ended with 9" in reasons(course)[f"dead, {SMALL[0].name}"]


def test_what_the_time_does_not_suffice_for_is_cut_by_name_and_the_rest_kept() -> None:
    asked = shapes((1, 64), (16,), (0.5, 1.0))
    course = raced([Toy("slow", seconds=0.2)], asked, seconds=8)
    assert course.runs
    assert all(run["batch"] == 1 for run in course.runs)
    cut = [name for name, why in reasons(course).items() if why.startswith("cut")]
    assert cut == [shape.name for shape in asked if shape.batch == 64]


@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_the_race_ends_with_its_time_whatever_an_engine_does(seconds: float) -> None:
    course = raced([Toy("stuck", seconds=30)], seconds=seconds)
    assert course.runs == []
    assert course.skipped
