"""int8 plans against fp32 and against ONNX Runtime's `quantize_dynamic`: their answers, and their speed.

    python -m benchmarks.int8 answers --requests questions.jsonl --calibrate others.jsonl [--task question-answering]
    python -m benchmarks.int8 speed [--model text-classification-bert-base] [--threads 1] [--rounds 8]

Requests are records as `bert-run` reads them. Measurements of `answers`: {"variant", "agreement", "bytes"}: the share
of requests whose best answer is fp32's, and the size of the graph. Of `speed`: {"variant", "batch", "sequence",
"rounds"}: milliseconds of each call; all variants and torch run in turn in one process, by CPU time for one thread and
by the clock for more. Variants of engines that are not installed are left out.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from benchmarks.checkpoints import random_checkpoint
from benchmarks.latency import WORK
from benchmarks.peers.onnxruntime_dynamic import quantise_raw
from benchmarks.peers.peer import Stall
from benchmarks.peers.torch_eager import TorchEager
from benchmarks.results import save
from benchmarks.summary import speed_up, typical
from benchmarks.workload import VOCABULARY, Case, Model
from bert_calibration.baseline import BaselineArtefact
from bert_calibration.batches import batches_of
from bert_calibration.convert import convert
from bert_calibration.observe import observe
from bert_calibration.ranges import Ranges, ranges_of
from bert_calibration.ranges_file import digest
from bert_calibration.targets import SCHEMES
from bert_export.exporting import export
from bert_export.options import ExportOptions
from bert_runtime import bundle as bundles
from bert_runtime.backends.engine import Array
from bert_runtime.backends.onnxruntime import OnnxRuntimeEngine
from bert_runtime.backends.openvino import OpenVinoEngine, is_installed
from bert_runtime.tasks.task import Features

Run = Callable[[Mapping[str, Array], Sequence[str]], dict[str, Any]]
CASES = (Case(1, 128), Case(8, 128))
BASELINE = "quantize_dynamic, raw export"
TORCH = "torch eager, fp32"
SETTLE = 0.2
"""Seconds between two engines: threads of ONNX Runtime wait for work in a loop that would take a CPU from the next."""


@dataclass(frozen=True)
class Variant:
    """A graph, the engine that runs it, and its precision as a manifest would state it."""

    name: str
    file: Path
    engine: str
    precision: str = "int8"


def engine_of(variant: Variant, threads: int) -> Run:
    """The variant, loaded."""
    if variant.engine == "openvino":
        return OpenVinoEngine(variant.file, variant.precision, threads).run
    return OnnxRuntimeEngine(variant.file, threads).run


def fp32_bundle(folder: Path, options: ExportOptions) -> bundles.Bundle:
    """The bundle for the CPU provider and of plain operators, exported unless it is there."""
    if not folder.exists():
        export(dataclasses.replace(options, output=folder, targets=("cpu", "portable")))
    return bundles.read(folder)


def variants(bundle: bundles.Bundle, rows: Sequence[Features], folder: Path) -> Iterator[Variant]:
    """Every plan of every target that an engine here runs, and fp32, made anew in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for target, engine in (("cpu", "onnxruntime"), ("openvino", "openvino")):
        if engine == "openvino" and not is_installed():
            continue
        baseline = BaselineArtefact.of(bundle, "portable" if target == "openvino" else target)
        precision = "fp32" if target == "cpu" else "bf16"
        yield Variant(f"{target} {precision}", baseline.path, engine, precision)
        ranges = _ranges(baseline, rows)
        for name, plan in SCHEMES[target].plans.items():
            model = baseline.graph()
            convert(model, target, plan, ranges if plan.method else None)
            file = folder / f"{target}-{name}.onnx"
            ir.save(model, file)
            yield Variant(f"{target} int8 {name}", file, engine)


def _ranges(baseline: BaselineArtefact, rows: Sequence[Features]) -> Ranges:
    seen = observe(baseline.path, batches_of(rows, baseline.text.pad_id))
    return ranges_of(seen, "smooth", digest(baseline.path), len(rows))


def raw_dynamic(model: Model, checkpoint: Path, folder: Path) -> Variant:
    """What most people do: torch.onnx.export, then `quantize_dynamic` with its defaults and int8 weights."""
    made = folder / "raw-dynamic.onnx"
    if not made.exists():
        quantise_raw(Stall(model, checkpoint, folder), made)
    return Variant(BASELINE, made, "onnxruntime")


def measure_answers(task: str, requests: Path, calibrate: Path) -> list[dict[str, Any]]:
    """The demo head's answers by every variant."""
    folder = WORK / "int8" / task
    bundle = fp32_bundle(folder / "bundle", ExportOptions(task=task))
    baseline = BaselineArtefact.of(bundle, "cpu")
    asked = baseline.requests(read_records(requests))
    rows, measurements = baseline.rows(baseline.requests(read_records(calibrate))), list[dict[str, Any]]()
    reference: list[Any] = []
    for variant in variants(bundle, rows, folder):
        answered = baseline.answers(_Recording(engine_of(variant, 2)), asked)
        reference = reference or answered
        same = np.mean([_best(one) == _best(other) for one, other in zip(answered, reference, strict=True)])
        facts = {"variant": variant.name, "agreement": round(float(same), 4), "bytes": size_of(variant.file)}
        print(facts, file=sys.stderr, flush=True)
        measurements.append(facts)
    return measurements


@dataclass
class _Recording:
    """A run as an Engine."""

    run: Run
    name: str = "benchmark"

    def run_into(self, feeds: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        """Not needed: no decoder is measured here."""
        raise NotImplementedError

    def close(self) -> None:
        """Nothing to free."""


def size_of(graph: Path) -> int:
    """Bytes of a graph, with those of the weights beside it."""
    beside = graph.with_name(f"{graph.name}.data")
    return graph.stat().st_size + (beside.stat().st_size if beside.exists() else 0)


def _best(result: Any) -> object:
    """The best answer without its score: of question answering its place; of other heads all but floats."""
    answers = getattr(result, "answers", None)
    return (answers[0].start, answers[0].end) if answers else str(result)


def read_records(path: Path) -> list[dict[str, Any]]:
    """The records of a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def measure_speed(model: Model, threads: int, rounds: int) -> list[dict[str, Any]]:
    """Every variant's time, in turns."""
    folder = WORK / "int8" / model.name
    checkpoint = random_checkpoint(model, folder / "checkpoint")
    bundle = fp32_bundle(folder / "bundle", ExportOptions(model=str(checkpoint), task=model.task))
    compared = [raw_dynamic(model, checkpoint, folder), *variants(bundle, _random_rows(), folder)]
    runs = {variant.name: engine_of(variant, threads) for variant in compared}
    runs[TORCH] = _torch_run(model, checkpoint, folder, threads)
    fetch = [spec.name for spec in bundle.manifest.artefacts[0].outputs]
    inputs = [spec.name for spec in bundle.manifest.artefacts[0].inputs]
    own = [str(value.name) for value in ir.load(compared[0].file).graph.outputs][:1]
    clock = time.process_time_ns if threads == 1 else time.perf_counter_ns
    measurements = []
    for case in CASES:
        feeds = {name: case.feeds()[name] for name in inputs}
        times: dict[str, list[list[float]]] = {name: [] for name in runs}
        for _ in range(rounds):
            for name, run in runs.items():
                asked = fetch if name != BASELINE else own
                time.sleep(SETTLE)
                run(feeds, asked)
                began = clock()
                run(feeds, asked)
                times[name].append([(clock() - began) / 1e6])
        for name, kept in times.items():
            ratio = speed_up(kept, times[BASELINE]).median
            print(f"{case.name} {name:32} {typical(kept):8.1f} ms {ratio:5.2f}x", file=sys.stderr, flush=True)
            measurements.append(
                {"variant": name, "batch": case.batch, "sequence": case.sequence, "baseline": BASELINE, "rounds": kept}
            )
    return measurements


def _torch_run(model: Model, checkpoint: Path, folder: Path, threads: int) -> Run:
    """The checkpoint itself."""
    loaded = TorchEager().load(Stall(model, checkpoint, folder), threads)
    return lambda feeds, _fetch: {"outputs": loaded(dict(feeds))}


def _random_rows() -> list[Features]:
    random = np.random.default_rng(0)
    ids = [random.integers(1000, VOCABULARY, size=length) for length in (48, 64, 80, 96)]
    return [Features(row, np.zeros_like(row), np.ones_like(row)) for row in ids]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and keep the result."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = flags.add_subparsers(dest="verb", required=True)
    answers = verbs.add_parser("answers")
    answers.add_argument("--requests", type=Path, required=True)
    answers.add_argument("--calibrate", type=Path, required=True)
    answers.add_argument("--task", default="question-answering", help="a task with a demo checkpoint")
    speed = verbs.add_parser("speed")
    speed.add_argument("--model", default="text-classification-bert-base", help="TASK-SIZE, with random weights")
    speed.add_argument("--threads", type=int, default=2)
    speed.add_argument("--rounds", type=int, default=25)
    parsed = flags.parse_args(arguments)
    if parsed.verb == "answers":
        found = measure_answers(parsed.task, parsed.requests, parsed.calibrate)
        print(save("int8_answers", parsed.task, 2, found), file=sys.stderr)
    else:
        found = measure_speed(Model.parse(parsed.model), parsed.threads, parsed.rounds)
        print(save(f"int8_speed_{parsed.threads}", parsed.model, parsed.threads, found), file=sys.stderr)


if __name__ == "__main__":
    main()
