"""One command for a machine with an NVIDIA GPU: `python -m benchmarks.gpu [--seconds 540]`.

Measures what is installed of torch, onnxruntime-gpu and TensorRT, in under ten minutes: what the hardware can do at
best, torch in half precision in three ways, and our bundles in three ways each. Whatever is missing, fails, answers
otherwise than torch in single precision, or has no time left is skipped by name. Without a GPU it is a rehearsal on the
CPU, under names that say so, and with small sizes.

Measurements: {"device", "model", "budget", "stages": {stage: seconds}, "ceilings": {"precision", "flops", "bandwidth"}
or null, "skipped": [{"name", "why"}], "extras": see `extras`, "runs"}: for each shape and engine {"batch", "sequence",
"fill", "peer", "baseline", "difference", "first", "floor", "rounds", "on_gpu"}: the milliseconds of each call by round,
the same between events on the GPU where an engine's stream can be asked (else null), those of the first call with this
size, and the least that this machine can need (null if not known).
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.gpu.engines import BASELINE, ENGINES, GPU_ENGINES, REHEARSAL_BASELINE
from benchmarks.gpu.engines.engine import Stall
from benchmarks.gpu.flags import ON_GPU, REHEARSED, parse
from benchmarks.gpu.process import Budget
from benchmarks.gpu.race import Course
from benchmarks.gpu.report import report, write_page
from benchmarks.gpu.shapes import shapes
from benchmarks.gpu.stages import Clock, Run, measure
from benchmarks.latency import WORK
from benchmarks.results import save
from benchmarks.workload import SIZES, Model
from bert_runtime.cpus import available_cpus
from bert_runtime.machine.driver import read_driver


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, keep the result, and write the page."""
    has_gpu = bool((driver := read_driver()) and driver.gpus)
    parsed = parse(arguments, ON_GPU if has_gpu else REHEARSED, __doc__)
    every = shapes(parsed.batches, parsed.lengths, parsed.fills)
    threads = available_cpus() if has_gpu else 1  # a rehearsal is to disturb nobody
    stall = Stall(Model.parse(parsed.model), WORK / "gpu" / parsed.model, every, threads)
    is_rehearsal = not any(name in GPU_ENGINES and not ENGINES[name].missing() for name in parsed.engines)
    benchmark = "gpu_rehearsal" if is_rehearsal else "gpu"
    baseline = ENGINES[REHEARSAL_BASELINE if is_rehearsal else BASELINE].name
    course = Course(SIZES[stall.model.size], baseline, None, turn=30 if is_rehearsal else 200)
    clock, budget = Clock(), Budget.of(parsed.seconds)

    def kept() -> Path:
        facts = {
            "device": driver.gpus[0].name if driver and not is_rehearsal else "CPU: a rehearsal, no figure of a GPU",
            "model": parsed.model,
            "budget": parsed.seconds,
            "stages": clock.stages,
            "ceilings": dataclasses.asdict(course.ceilings) if course.ceilings else None,
            "skipped": course.skipped,
            "extras": course.extras,
            "runs": course.runs,
        }
        return save(benchmark, parsed.model, stall.threads, facts, parsed.output)

    measure({name: ENGINES[name] for name in parsed.engines}, stall, course, Run(clock, budget, kept))
    path = kept()
    print(report(path))
    print(path, file=sys.stderr)
    write_page(parsed.output)
    if not course.runs:
        raise SystemExit("nothing was measured: see what was skipped, and `bert-doctor`")


if __name__ == "__main__":
    main()
