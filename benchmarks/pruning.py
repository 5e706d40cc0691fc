"""What pruning makes of real heads in int8: accuracy by speed, against int8 of the whole network on the same engine.

    python -m benchmarks.pruning --heads text-classification token-classification question-answering

For each head an fp32 bundle is made once. Weights are fitted to texts of the training set; test samples judge, pruned
and rounded together, against the whole network in fp32. Rows: {"asked", "speed", "products", "layers", "metric",
"drop", "low", "high", "samples", "1x128", "8x128", "seconds"}: `speed` is what the search measured on texts of the
test set. "1x128" and "8x128" are the time of the whole network in int8 over the pruned one's, in turns, one thread:
median and quartiles of the CPU time, which other work on the machine does not add to. `seconds` are those of the
wall and of the CPU.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from training.held_out import write_lines

from benchmarks.accuracy_heads import HEADS, MeasuredHead
from benchmarks.results import save
from bert_calibration.baseline import BaselineArtefact
from bert_calibration.config import QuantizationConfig
from bert_calibration.pruning.budget import Budget
from bert_calibration.pruning.importance import weights_of
from bert_calibration.pruning.latency import timed
from bert_calibration.pruning.search import SPEEDS, Point
from bert_calibration.pruning.trying import Pruner
from bert_calibration.pruning.walk import curves
from bert_calibration.quality import measure_of, qualities
from bert_calibration.quantize import Evidence
from bert_calibration.samples import read_samples
from bert_export.judged import Judged
from bert_runtime import bundle as bundles
from bert_runtime.backends.engine import Engine
from bert_runtime.backends.select import start
from bert_runtime.cpus import available_cpus
from bert_runtime.manifest import Artefact

FOLDER = Path("build/benchmarks/pruning")
SHAPES = ((1, 128), (8, 128))
ROUNDS = 15


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and keep the result of each head as it ends."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--heads", nargs="+", choices=HEADS, default=[])
    flags.add_argument("--target", default="cpu")
    flags.add_argument("--fit", type=int, default=512, help="texts that weights are fitted to")
    flags.add_argument("--tests", type=int, default=1000)
    flags.add_argument("--speeds", type=float, nargs="+", default=list(SPEEDS))
    parsed = flags.parse_args(arguments)
    for head in parsed.heads:
        folder = FOLDER / f"{head}-{parsed.target}"
        folder.mkdir(parents=True, exist_ok=True)
        measured = _Measured.of(head, folder, parsed)
        for found in measured.run(parsed.speeds):  # after each point: a run that is cut short keeps what it has
            save("pruning", f"{head}-{parsed.target}", available_cpus(), found)


@dataclasses.dataclass(frozen=True)
class _Measured:
    """One head on one engine."""

    pruner: Pruner
    judged: Judged
    whole: str
    fit: int

    @classmethod
    def of(cls, name: str, folder: Path, parsed: argparse.Namespace) -> _Measured:
        """Its bundle, and the samples."""
        head = HEADS[name]
        original = BaselineArtefact.of(bundles.read(_fp32(head, folder / "fp32", parsed.target)), parsed.target)
        lines = head.calibration()
        spread = [lines[i * len(lines) // parsed.fit] for i in range(min(parsed.fit, len(lines)))]
        settings, text = original.record.settings, original.text
        given = read_samples(write_lines(spread, folder / "fit.jsonl"), original.task, settings, text)
        test = write_lines(head.test()[: parsed.tests], folder / "test.jsonl")
        tests = read_samples(test, original.task, settings, text)
        judged = Judged.of(original, tests, calibrates=False, max_drop=0.01)
        config = QuantizationConfig(preset="performance", calibrate=test)
        evidence = Evidence(given.requests, judged.asked, judged.drop, judged.reference)
        pruner = Pruner(original, "int8", config, evidence, folder)
        own = qualities(measure_of(original.task, settings), judged.answers, judged.golds or ())[0]
        return cls(pruner, judged, f"{own.metric} {own.value:.4f}", len(given.items))

    def run(self, speeds: Sequence[float]) -> Iterator[dict[str, Any]]:
        """All points so far, and what they took, after each one."""
        began = time.perf_counter()
        used = time.process_time()
        pruner = self.pruner
        model = pruner.baseline.graph()
        found = curves(model, pruner.batches)
        weights = weights_of(model, found, pruner.answers)
        analysed = (time.perf_counter() - began, time.process_time() - used)
        rows: list[dict[str, Any]] = []
        with pruner.timing() as timer:
            table = timed(pruner.baseline.graph, timer.ratio, pruner.baseline.artefact.target)
            budget, whole = Budget(found, table, weights), self._whole()
            attempt = pruner.attempt(found, timer)
            for speed in speeds:
                widths = budget.widths(speed)
                if widths is None:
                    continue
                before, cpu = time.perf_counter(), time.process_time()
                point = attempt(speed, widths).point
                seconds = (time.perf_counter() - before, time.process_time() - cpu)
                rows.append({**_told(point), **self._times(whole), "seconds": seconds})
                print(json.dumps({k: v for k, v in rows[-1].items() if k != "layers"}), flush=True)
                yield {
                    "fp32": self.whole, "fit": self.fit, "latency": table.to_json(), "analysis_seconds": analysed,
                    "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, "rows": rows,
                }  # fmt: skip

    def _whole(self) -> Artefact:
        """int8 of the whole network, with ranges of its own."""
        artefact, drop = self.pruner.drop(self.pruner.baseline.graph())
        kept = dataclasses.replace(artefact, file="whole-int8.onnx")
        (self.pruner.folder / artefact.file).rename(self.pruner.folder / kept.file)
        print(f"whole network in int8: {drop}", flush=True)
        return kept

    def _times(self, whole: Artefact) -> dict[str, Any]:
        """The pruned network that was made last, beside the whole one."""
        pruned = dataclasses.replace(whole, file="rounded.onnx")
        engines = [start(self.pruner.folder, each, 1) for each in (whole, pruned)]
        try:
            return {f"{b}x{s}": ratio(engines[0], engines[1], self._feeds(b, s), whole) for b, s in SHAPES}
        finally:
            for engine in engines:
                engine.close()

    def _feeds(self, batch: int, length: int) -> dict[str, Any]:
        shape = (batch, 2, length) if self.pruner.baseline.task.name == "multiple-choice" else (batch, length)
        ids = np.random.default_rng(0).integers(1000, 20000, shape)
        known = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        return {spec.name: known[spec.name] for spec in self.pruner.baseline.artefact.inputs}


def ratio(whole: Engine, pruned: Engine, feeds: dict[str, Any], artefact: Artefact) -> list[float]:
    """Time of the whole network over that of the pruned one, in turns: median and quartiles."""
    names = [spec.name for spec in artefact.outputs]
    ratios = []
    for _ in range(ROUNDS + 2):
        times = [_seconds(lambda each=each: each.run(feeds, names)) for each in (whole, pruned)]  # type: ignore[misc]
        ratios.append(times[0] / times[1])
    return [round(float(value), 3) for value in np.percentile(ratios[2:], (50, 25, 75))]


def _seconds(run: Callable[[], object]) -> float:
    """The CPU time of this process: on a busy machine others take turns between."""
    began = time.process_time()
    run()
    return time.process_time() - began


def _told(point: Point) -> dict[str, Any]:
    drop = point.drop
    return {
        **point.to_json(),
        "metric": drop.metric, "drop": drop.value, "low": drop.low, "high": drop.high, "samples": drop.samples,
    }  # fmt: skip


def _fp32(head: MeasuredHead, output: Path, target: str) -> Path:
    """The bundle of the whole network, made once."""
    if not output.exists():
        command = ["-m", "bert_export.cli", "--task", head.task, *head.source(), "--target", target, "-o", str(output)]
        subprocess.run([sys.executable, *command, "--quiet"], check=True)
    return output


if __name__ == "__main__":
    main()
