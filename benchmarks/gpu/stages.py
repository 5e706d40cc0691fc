"""The stages of the command: what is missing is built, engines are loaded, the hardware and then they are measured."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.gpu.engines import REFERENCES
from benchmarks.gpu.engines.engine import Engine, Stall
from benchmarks.gpu.engines.torch import no_cuda
from benchmarks.gpu.extras import beside_others, kernels, ours, torchs
from benchmarks.gpu.process import Answer, Budget, EngineError, Process
from benchmarks.gpu.race import Course, Racer, race
from benchmarks.gpu.shapes import Shape
from benchmarks.gpu.worker import build, measure_ceilings, profile, serve
from benchmarks.peers.bert_export import BertExport
from bert_runtime.targets import AUTO, CUDA
from bert_runtime.tasks.text_classification import TEXT_CLASSIFICATION

SHAPES = 4
"""How many sizes, the smallest first, texts are measured with."""


@dataclass
class Clock:
    """Seconds of each stage."""

    stages: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what is inside."""
        print(f"{name} ...", file=sys.stderr, flush=True)
        began = time.monotonic()
        yield
        self.stages[name] = round(time.monotonic() - began, 1)


@dataclass(frozen=True)
class Run:
    """The time that a run takes and may take, and what keeps its result so far."""

    clock: Clock
    budget: Budget
    kept: Callable[[], object]


def measure(engines: Mapping[str, Engine], stall: Stall, course: Course, run: Run) -> None:
    """The stages: build, load and measure; each has its part of the time."""
    clock, budget, kept = run.clock, run.budget, run.kept
    present = {name: engine for name, engine in engines.items() if _can_run(engine, course)}
    with clock.stage("build"):
        present = _built(present, stall, course, budget.share(0.6))
    with contextlib.ExitStack() as stack:
        with clock.stage("load"):
            enough = budget.share(0.4)
            racers = _loaded(stack, present.values(), stall, course, enough)
            reference = _reference(stack, stall, course, budget.share(0.5)) if racers else None
        if reference is None or not racers:
            return
        with clock.stage("ceilings"):
            _measure_ceilings(course, budget.share(0.2), {racer.engine.device for racer in racers})
        with clock.stage("measure"):
            race(racers, reference, course, stall.shapes, budget.share(0.85), kept)
    with clock.stage("extras"):
        _measure_extras(stall, course, {racer.engine.device for racer in racers}, budget)


def _can_run(engine: Engine, course: Course) -> bool:
    lacking = engine.missing()
    if lacking:
        course.skip(engine.name, lacking)
    return not lacking


def _built(present: Mapping[str, Engine], stall: Stall, course: Course, budget: Budget) -> dict[str, Engine]:
    """Those that have what they run: made now, unless an earlier run of the same sources made it."""
    targets = tuple(sorted({engine.target for engine in present.values() if engine.target}))
    stamp, wanted = stall.folder / "built.json", json.dumps([BertExport().version, targets, profile(stall)])
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return dict(present)
    stamp.unlink(missing_ok=True)
    stall.folder.mkdir(parents=True, exist_ok=True)
    with Process(build, stall) as builder:
        try:
            builder.wait(budget.left)
        except EngineError as error:
            return _without(present, course, f"no checkpoint could be made: {error}")
        try:
            builder.ask(targets, budget.left)
        except EngineError as error:
            bundled = {name: engine for name, engine in present.items() if engine.target}
            _without(bundled, course, f"no bundle could be made: {error}")
            return {name: engine for name, engine in present.items() if name not in bundled}
    stamp.write_text(wanted, encoding="utf-8")
    return dict(present)


def _without(engines: Mapping[str, Engine], course: Course, why: str) -> dict[str, Engine]:
    for engine in engines.values():
        course.skip(engine.name, why)
    return {}


def _loaded(
    stack: contextlib.ExitStack, engines: Collection[Engine], stall: Stall, course: Course, budget: Budget
) -> list[Racer]:
    """Those that load: first, one by one, who must be alone for it, then all others at once. Who fails or is late is
    left out."""
    ready: list[Racer] = []
    groups = [[engine] for engine in engines if engine.loads_alone]
    for group in (*groups, [engine for engine in engines if not engine.loads_alone]):
        started = [Racer(engine, stack.enter_context(Process(serve, engine, stall))) for engine in group]
        for racer in started:
            try:
                racer.process.wait(budget.left)
            except EngineError as error:
                course.skip(racer.engine.name, str(error))
            else:
                ready.append(racer)
    return ready


def _reference(stack: contextlib.ExitStack, stall: Stall, course: Course, budget: Budget) -> Process | None:
    """The first of REFERENCES that runs here."""
    for engine in REFERENCES.values():
        if engine.missing() or (engine.target and not stall.bundle.exists()):
            continue
        process = stack.enter_context(Process(serve, engine, stall))
        try:
            process.wait(budget.left)
        except EngineError as error:
            course.skip(f"the reference {engine.name}", str(error))
        else:
            return process
    course.skip("everything", "no reference runs here to compare outputs with; install torch")
    return None


def _measure_extras(stall: Stall, course: Course, devices: set[str], budget: Budget) -> None:
    """What is beside the race, for the head whose requests are texts; on a CPU as a rehearsal."""
    if stall.model.task != TEXT_CLASSIFICATION.name:
        course.skip("texts, threads and kernels", f"they are measured of {TEXT_CLASSIFICATION.name} alone")
        return
    on_gpu = "cuda" in devices
    target, device, precision = (CUDA.name, "cuda", "fp16") if on_gpu else (AUTO, "cpu", "fp32")
    place = "" if on_gpu else ", on the CPU"
    shapes = [shape for shape in stall.shapes if shape.fill == 1.0][:SHAPES]
    strings: list[dict[str, Any]] = course.extras.setdefault("strings", [])
    for name, load, arguments in (
        (f"bert-export, texts to answers{place}", ours, (stall, target, True)),
        (f"torch, texts to answers{place}", torchs, (stall, device, precision)),
    ):
        for shape, spent in _asked(name, load, arguments, shapes, course, budget):
            strings.append({"batch": shape.batch, "sequence": shape.sequence, "peer": name, "ms": spent})
    threads: list[dict[str, Any]] = course.extras.setdefault("threads", [])
    for _, found in _asked("callers beside each other", beside_others, (stall, target), shapes[:1], course, budget):
        threads += found
    course.extras["kernels"] = {
        shape.name: names
        for shape, names in _asked("which kernel ran", kernels, (stall, target), shapes, course, budget)
    }


def _asked(
    name: str, load: Callable[..., Answer], arguments: tuple[Any, ...], shapes: Sequence[Shape], course: Course,
    budget: Budget,
) -> Iterator[tuple[Shape, Any]]:  # fmt: skip
    """Each shape with what a process of its own answers; what fails is skipped by name."""
    with Process(load, *arguments) as process:
        try:
            process.wait(budget.left)
            for shape in shapes:
                yield shape, process.ask(shape, budget.left)
        except EngineError as error:
            course.skip(name, str(error))


def _measure_ceilings(course: Course, budget: Budget, devices: set[str]) -> None:
    device = "cuda" if "cuda" in devices else "cpu"
    why = REFERENCES["torch-cpu"].missing() or (no_cuda() if device == "cuda" else "")
    try:
        if why:
            raise EngineError(why)
        with Process(measure_ceilings, device) as process:
            process.wait(budget.left)
            course.ceilings = process.ask(None, budget.left)
    except EngineError as error:
        course.skip("ceilings, and with them the floor", str(error))
