"""How well the heads answer, real ones on real data, in each precision.

    python -m benchmarks.accuracy                                  # everything; an hour or more on two cores
    python -m benchmarks.accuracy --heads question-answering --limit 500 --variants "bert-export fp16"

For each head: torch in fp32, then every variant that `bert-export` makes of it, on the same samples. A variant has its
metrics with 95% bootstrap intervals, the paired difference from torch, how often it decodes the same answer, and the
size of its bundle. A variant that `bert-export` refuses is kept with the reason. fp16 is measured as a GPU computes it:
every result of its graph is rounded to fp16.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx_ir as ir
from training.torch_session import torch_session

import bert_runtime
from benchmarks.accuracy_heads import HEADS, VARIANTS, MeasuredHead, Variant, samples_files
from benchmarks.results import save
from bert_calibration.quality import Measure, agreement, difference, measure_of, qualities
from bert_calibration.samples import Samples, read_samples
from bert_export.checkpoint import CheckpointLocation, LoadOptions, load
from bert_export.contents import text_of
from bert_export.demo import demo_checkpoint
from bert_export.precision.emulate import emulated
from bert_runtime.backends.onnxruntime import OnnxRuntimeEngine
from bert_runtime.cpus import available_cpus
from bert_runtime.session import Session
from bert_runtime.tasks import find_task

FOLDER = Path("build/benchmarks/accuracy")
TORCH = "torch fp32"
LIMIT = 1000


def measure_head(name: str, head: MeasuredHead, variants: Sequence[Variant], limit: int) -> list[dict[str, Any]]:
    """One row of measurements for torch and one for each variant."""
    folder = FOLDER / name
    test, calibration = samples_files(head, folder, limit)
    source = head.source()
    session = _torch(head, source)
    measure = measure_of(session.task, session.record.settings)
    samples = read_samples(test, session.task, session.record.settings, session.text)
    reference = list(session.predict(samples.requests))
    if head.is_own_gold:
        samples = _with_own_gold(test, session, reference)
    rows = [_row(TORCH, measure, samples, reference, reference)]
    for variant in variants:
        print(f"{name}: {variant.name}", flush=True)
        bundle = folder / variant.name.replace(" ", "-").replace(",", "")
        refusal = export_variant(head, source, variant, calibration, bundle)
        if refusal:
            rows.append({"variant": variant.name, "refused": refusal})
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a file for a GPU runs on the CPU is what is wanted here
            loaded = bert_runtime.load(bundle, options=bert_runtime.Options(target=variant.target))
        if loaded.artefact.precision == "fp16":
            loaded.engine = _half(bundle / loaded.artefact.file)
        with loaded:
            results = list(loaded.predict(samples.requests))
        size = sum(path.stat().st_size for path in bundle.iterdir())
        rows.append({**_row(variant.name, measure, samples, results, reference), "size": size})
    return rows


def _torch(head: MeasuredHead, source: list[str]) -> Session[Any, Any]:
    """The checkpoint in torch, read as `bert-export` reads it."""
    task = find_task(head.task)
    flags = dict(zip(source[::2], source[1::2], strict=True))
    place = CheckpointLocation(flags["--model"], flags.get("--adapter")) if flags else demo_checkpoint(task.name)
    checkpoint = load(place, task, LoadOptions())
    return torch_session(checkpoint.model, task, checkpoint.settings, text_of(checkpoint))


def _half(graph: Path) -> OnnxRuntimeEngine:
    """An fp16 graph with every result rounded: ONNX Runtime's CPU provider alone computes most of it in fp32."""
    path = graph.with_name("emulated.onnx")
    ir.save(emulated(ir.external_data.load_to_model(ir.load(graph))), path)
    try:
        return OnnxRuntimeEngine(path, available_cpus())
    finally:
        path.unlink()


def _with_own_gold(test: Path, session: Session[Any, Any], results: Sequence[Any]) -> Samples:
    """The samples with the entities that torch finds as their gold."""
    lines = [json.loads(line) for line in test.read_text(encoding="utf-8").splitlines()]
    with test.open("w", encoding="utf-8") as file:
        for line, result in zip(lines, results, strict=True):
            line["entities"] = [{"start": e.start, "end": e.end, "label": e.label} for e in result.entities]
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    return read_samples(test, session.task, session.record.settings, session.text)


def export_variant(
    head: MeasuredHead, source: list[str], variant: Variant, calibration: Path, bundle: Path
) -> str | None:
    """Make the variant's bundle; the reason where `bert-export` refuses."""
    arguments = [argument.format(calibration=calibration) for argument in variant.arguments]
    command = [sys.executable, "-m", "bert_export.cli", "--task", head.task, *source, *arguments]
    done = subprocess.run(
        [*command, "--output", str(bundle), "--force", "--quiet"], capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return None
    lines = done.stderr.strip().splitlines()
    said = next((line for line in lines if line.startswith("bert-export: ")), None)
    if said is None:  # a crash is no refusal
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return said.removeprefix("bert-export: ")


def _row(
    name: str, measure: Measure[Any, Any], samples: Samples, results: Sequence[Any], reference: Sequence[Any]
) -> dict[str, Any]:
    """The measurements of one variant as JSON values."""
    changes = [difference(metric, results, reference, samples.golds) for metric in measure.metrics]
    return {
        "variant": name,
        "metrics": [dataclasses.asdict(quality) for quality in qualities(measure, results, samples.golds)],
        "differences": [dataclasses.asdict(change) for change in changes if change is not None],
        "agreement": dataclasses.asdict(agreement(measure, results, reference)),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the heads one after another; results are kept as each ends."""
    names = [variant.name for variant in VARIANTS]
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--heads", nargs="+", choices=HEADS, default=list(HEADS))
    flags.add_argument("--variants", nargs="+", choices=names, default=names)
    flags.add_argument("--limit", type=int, default=LIMIT, help="samples of each head, at most")
    parsed = flags.parse_args(arguments)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in parsed.heads:
        chosen = [variant for variant in VARIANTS if variant.name in parsed.variants]
        rows = measure_head(name, HEADS[name], chosen, parsed.limit)
        path = save("accuracy", name, available_cpus(), {"about": HEADS[name].about, "rows": rows})
        print(f"{name}: {path}", flush=True)


if __name__ == "__main__":
    main()
