"""The race: every shape on every engine in interleaved rounds, the largest shapes last, until the time is over."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.gpu.engines.engine import Engine, Outputs
from benchmarks.gpu.process import Budget, EngineError, Process
from benchmarks.gpu.shapes import Ceilings, Shape
from benchmarks.gpu.worker import Prepare, Prepared, Time, Times
from benchmarks.summary import typical
from benchmarks.workload import Size

ROUNDS = 5
CALLS = 200
TOLERANCES = {"fp32": 1e-3, "fp16": 1e-2, "fp8": 1e-1}
"""Precision -> the largest difference from the reference, relative to its largest output.

torch itself differs by up to 0.004 in half precision (random weights, BERT-base's and MiniLM's shapes); a mask that is
ignored by 0.1 to 0.4 where half of a batch is padding, and by 0.01 at least where a fifth is. FP8's lets such masks
pass: it is a rival alone, and its answers are not ours to prove.
"""


@dataclass(frozen=True)
class Racer:
    """An engine and its process."""

    engine: Engine
    process: Process


@dataclass(frozen=True)
class Entry:
    """An engine that is ready for a shape: how far it is from the reference, and how long its first call took."""

    racer: Racer
    difference: float
    first: float


@dataclass
class Course:
    """What is measured as it goes on.

    Attributes:
        skipped: what could not be measured, and why: an engine, an engine at a shape, or a shape.
        runs: one for each engine and shape; see `benchmarks.gpu.__main__`.
        turn: milliseconds of an engine's calls in a round, at most; one call where that is longer.
        extras: what is measured beside the race; see `extras`.
        slowest: engine -> (tokens of the last shape that it ran, milliseconds of its slowest call there).
    """

    size: Size
    baseline: str
    ceilings: Ceilings | None
    skipped: list[dict[str, str]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    extras: dict[str, Any] = field(default_factory=dict)
    slowest: dict[str, tuple[int, float]] = field(default_factory=dict)
    turn: float = 200.0

    def skip(self, name: str, why: str) -> None:
        """Note what is left out, and say so."""
        self.skipped.append({"name": name, "why": why})
        print(f"skipped: {name}: {why}", file=sys.stderr, flush=True)


def race(
    racers: Sequence[Racer], reference: Process, course: Course, shapes: Sequence[Shape], budget: Budget,
    kept: Callable[[], object],
) -> None:  # fmt: skip
    """Measure shape after shape into `course`; `kept` is called after each."""
    for done, shape in enumerate(shapes):
        expected = expected_seconds(course, shape)
        if expected > budget.left:
            told = f"about {expected:.0f} s are needed and {budget.left:.0f} s are left; give more --seconds"
            for cut in shapes[done:]:
                course.skip(cut.name, f"cut, {told}")
            return
        share = budget.share(1 / (len(shapes) - done))
        present = _prepared(racers, reference, course, shape, budget)
        if present:
            _timed(present, course, shape, (share, budget))
            kept()


def expected_seconds(course: Course, shape: Shape) -> float:
    """The least that a shape takes: a few calls of each engine, as long as its last by the number of tokens."""
    tokens = shape.batch * shape.sequence
    calls = 3 + ROUNDS
    return sum(calls * spent / 1e3 * tokens / before for before, spent in course.slowest.values())


def difference(expected: Outputs, got: Outputs) -> float:
    """The largest, relative to the largest output expected; infinite where number or shape differ."""
    if [array.shape for array in expected] != [array.shape for array in got]:
        return float("inf")
    pairs = zip(expected, got, strict=True)
    worst = max(float(np.abs(one - other).max() / np.abs(one).max()) for one, other in pairs)
    return worst if np.isfinite(worst) else float("inf")


def _prepared(
    racers: Sequence[Racer], reference: Process, course: Course, shape: Shape, budget: Budget
) -> dict[str, Entry]:
    """Those that are ready for a shape and answer it as the reference does, with their differences."""
    present: dict[str, Entry] = {}
    try:
        expected: Prepared = reference.ask(Prepare(shape, alone=True), budget.left)
    except EngineError as error:
        course.skip(shape.name, f"the reference: {error}; what cannot be checked is not timed")
        return present
    for racer in racers:
        name = f"{racer.engine.name}, {shape.name}"
        try:
            prepared: Prepared = racer.process.ask(Prepare(shape), budget.left)
            found = difference(expected.outputs, prepared.outputs)
        except EngineError as error:
            course.skip(name, str(error))
            continue
        allowed = TOLERANCES[racer.engine.precision]
        if found > allowed:
            course.skip(name, f"its outputs differ by {found:.1e} of the largest, expected {allowed:.0e} at most")
        else:
            present[racer.engine.name] = Entry(racer, found, prepared.first)
    return present


def _timed(present: Mapping[str, Entry], course: Course, shape: Shape, budgets: tuple[Budget, Budget]) -> None:
    share, whole = budgets
    turn = min(course.turn, share.left * 1e3 / (len(present) * (ROUNDS + 1)))
    times: dict[str, list[Times]] = {name: [] for name in present}
    calls: dict[str, int] = {}
    order, shuffle = list(present), random.Random(0)
    for turn_number in range(ROUNDS + 1):
        shuffle.shuffle(order)
        for name in [each for each in order if each in times]:
            wanted = Time(calls.get(name, 1), warm_up=2 if not turn_number else 1)
            try:
                found: Times = present[name].racer.process.ask(wanted, whole.left)
            except EngineError as error:
                course.skip(f"{name}, {shape.name}", str(error))
                del times[name]
                continue
            if turn_number:
                times[name].append(found)
            else:  # the first turn says how many calls fit in the others
                calls[name] = int(min(CALLS, max(1, turn / found.waited[0])))
    for name, rounds in times.items():
        _note(course, shape, present[name], rounds)


def _note(course: Course, shape: Shape, entry: Entry, rounds: Sequence[Times]) -> None:
    racer, worst = entry.racer, entry.difference
    waited = [each.waited for each in rounds]
    name, floor = racer.engine.name, course.ceilings.floor(shape, course.size) if course.ceilings else None
    course.slowest[name] = shape.batch * shape.sequence, max(max(calls) for calls in waited)
    course.runs.append(
        {
            "batch": shape.batch,
            "sequence": shape.sequence,
            "fill": shape.fill,
            "peer": name,
            "baseline": course.baseline,
            "difference": worst,
            "first": entry.first,
            "floor": floor,
            "rounds": waited,
            "on_gpu": [each.on_gpu for each in rounds] if rounds[0].on_gpu else None,
        }
    )
    print(f"{shape.name:24} {name:44} {typical(waited):9.3f} ms", file=sys.stderr, flush=True)
