"""What runs in an engine's process: batches are prepared and compared, then called a number of times."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from benchmarks.gpu import ceilings
from benchmarks.gpu.engines.engine import Call, Engine, Outputs, Stall
from benchmarks.gpu.process import Answer
from benchmarks.gpu.shapes import Ceilings, Shape, some_rows


@dataclass(frozen=True)
class Prepare:
    """Make ready for a shape. The answer is Prepared; with `alone`, of a batch of some of its rows only."""

    shape: Shape
    alone: bool = False


@dataclass(frozen=True)
class Prepared:
    """The outputs of some rows, and the milliseconds of the first call: what a size costs that was not met before."""

    outputs: Outputs
    first: float


@dataclass(frozen=True)
class Time:
    """Call so often with the shape that was prepared, after `warm_up` calls that are not counted. The answer: Times."""

    calls: int
    warm_up: int = 2


@dataclass(frozen=True)
class Times:
    """Milliseconds of each call: until the answer is complete; and between events on the GPU, where there are any."""

    waited: list[float]
    on_gpu: list[float] | None


def serve(engine: Engine, stall: Stall) -> Answer:
    """Load an engine; the answers to Prepare and Time."""
    loaded = engine.load(stall)
    prepared: list[Call] = []

    def answer(order: Prepare | Time) -> Any:
        if isinstance(order, Time):
            return timed(prepared[0], order)
        prepared.clear()
        whole = order.shape.feeds()
        rows, few = some_rows(whole)
        prepared.append(loaded.prepare(few if order.alone else whole))
        began = time.perf_counter_ns()
        prepared[0].run()
        first = round((time.perf_counter_ns() - began) / 1e6, 3)
        outputs = prepared[0].outputs()
        return Prepared(outputs if order.alone else [array[rows] for array in outputs], first)

    return answer


def timed(call: Call, order: Time) -> Times:
    """The milliseconds of each call."""
    for _ in range(order.warm_up):
        call.run()
    waited, on_gpu = [], []
    for _ in range(order.calls):
        began = time.perf_counter_ns()
        call.run()
        waited.append(round((time.perf_counter_ns() - began) / 1e6, 4))
        on_gpu.append(call.on_gpu())
    known = [round(spent, 4) for spent in on_gpu if spent is not None]
    return Times(waited, known if len(known) == len(waited) else None)


def build(stall: Stall) -> Answer:
    """Make the checkpoint unless it is there; the answer to targets is a bundle with an fp16 artefact for each."""
    from benchmarks.checkpoints import random_checkpoint  # noqa: PLC0415 - torch, in a process of its own
    from benchmarks.made_up_tokenizer import write_tokenizer  # noqa: PLC0415
    from bert_export.exporting import export  # noqa: PLC0415
    from bert_export.options import ExportOptions  # noqa: PLC0415

    random_checkpoint(stall.model, stall.checkpoint, put_tokenizer=write_tokenizer)

    def answer(targets: tuple[str, ...]) -> None:
        if targets:
            options = ExportOptions(
                model=str(stall.checkpoint),
                task=stall.model.task,
                output=stall.bundle,
                force=True,
                targets=tuple(f"{target}:fp16" for target in targets),
                profile=profile(stall) if "tensorrt" in targets else None,
            )
            export(options)

    return answer


def profile(stall: Stall) -> str:
    """The sizes that a TensorRT engine is built for: those that are measured, tuned for the one in the middle."""
    bounds = []
    for axis, sizes in (("batch", [s.batch for s in stall.shapes]), ("sequence", [s.sequence for s in stall.shapes])):
        every = sorted(set(sizes))
        bounds.append(f"{axis}={every[0]}:{every[len(every) // 2]}:{every[-1]}")
    return ",".join(bounds)


def measure_ceilings(device: str) -> Answer:
    """The answer to any order: Ceilings."""

    def answer(_order: Any) -> Ceilings:
        return ceilings.measure(device)

    return answer
