"""Whether time follows arithmetic: a network of BERT-base's size with random weights, whole and narrower.

    python -m benchmarks.pruning_shapes

Half of the feed-forward neurons and 8 of 12 heads are left in every layer. Rows: {"precision", "shape", "products",
"ratio"}: `products` is the share of multiplications that is left, `ratio` the time of the whole network over the
narrower one's, in turns, one thread: median and quartiles of the CPU time.
"""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from benchmarks.checkpoints import random_checkpoint
from benchmarks.pruning import FOLDER, SHAPES, ratio
from benchmarks.results import save
from benchmarks.workload import Case, Model
from bert_calibration.baseline import BaselineArtefact
from bert_calibration.config import QuantizationConfig
from bert_calibration.convert import convert
from bert_calibration.pruning.latency import products_of
from bert_calibration.pruning.slicing import remove_dead
from bert_calibration.pruning.sublayers import find_sublayers
from bert_calibration.pruning.trying import any_ranges
from bert_calibration.pruning.widths import Kind
from bert_calibration.targets import choose
from bert_runtime import bundle as bundles
from bert_runtime.backends.select import start
from bert_runtime.cpus import available_cpus
from bert_runtime.manifest import Artefact

MODEL = Model("token-classification", "bert-base")
LEFT = {Kind.ATTENTION: 8 / 12, Kind.FEED_FORWARD: 0.5}
TARGET = "cpu"


def main() -> None:
    """Measure, and keep the result."""
    folder = FOLDER / MODEL.name
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = random_checkpoint(MODEL, folder / "checkpoint")
    if not (folder / "fp32").exists():
        command = ["-m", "bert_export.cli", "--model", str(checkpoint), "--task", MODEL.task, "--target", TARGET]
        subprocess.run([sys.executable, *command, "-o", str(folder / "fp32"), "--quiet"], check=True)
    baseline = BaselineArtefact.of(bundles.read(folder / "fp32"), TARGET)
    rows = [row for precision in ("fp32", "int8") for row in measured(baseline, precision, folder)]
    save("pruning_shapes", f"{MODEL.size}-{TARGET}", available_cpus(), rows)


def measured(baseline: BaselineArtefact, precision: str, folder: Path) -> Iterator[dict[str, Any]]:
    """Both networks in one precision."""
    whole, narrow = baseline.graph(), narrowed(baseline.graph())
    left = {length: _products(narrow, length) / _products(whole, length) for _, length in SHAPES}
    made = [
        _artefact(baseline, graph, precision, folder / name) for graph, name in ((whole, "w.onnx"), (narrow, "n.onnx"))
    ]
    engines = [start(folder, artefact, 1) for artefact in made]
    for batch, length in SHAPES:
        feeds = Case(batch, length).feeds()
        given = {spec.name: feeds[spec.name] for spec in baseline.artefact.inputs}
        found = ratio(engines[0], engines[1], given, baseline.artefact)
        row = {"precision": precision, "shape": f"{batch}x{length}", "products": left[length], "ratio": found}
        print(row, flush=True)
        yield row
    for engine in engines:
        engine.close()


def narrowed(graph: ir.Model) -> ir.Model:
    """The graph with so much of each kind; which is left does not matter for time."""
    for sublayer in find_sublayers(graph):
        matrix = sublayer.second.matrix().copy()
        matrix[round(sublayer.groups * LEFT[sublayer.kind]) * sublayer.size :] = 0
        weight = sublayer.second.weight
        weight.const_value = ir.tensor(matrix, name=weight.name)
    remove_dead(graph)
    return graph


def _products(graph: ir.Model, tokens: int) -> float:
    return float(np.sum([products_of(each, tokens) for each in find_sublayers(graph)]))


def _artefact(baseline: BaselineArtefact, graph: ir.Model, precision: str, path: Path) -> Artefact:
    if precision == "int8":
        plan = choose(QuantizationConfig(preset="performance"), TARGET, has_data=True)
        convert(graph, TARGET, plan, any_ranges(graph))
    ir.save(graph, path)
    return dataclasses.replace(baseline.artefact, precision=precision, file=path.name, data=())


if __name__ == "__main__":
    main()
