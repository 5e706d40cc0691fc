"""What quantisation-aware fine-tuning brings back, in real artefacts run by ONNX Runtime.

    python -m benchmarks.finetune [--outliers 64] [--texts 800]

The demo's text classifier is given channels of large values: in each layer, a few outputs of the value projection are
multiplied and the weights that read them divided by as much, which changes no answer in fp32. Static per-tensor int8
then has few steps left for all other channels. Four accuracies on the sentences held out: fp32; int8 with min-max
ranges; int8 after fine-tuning with its learned ranges; and fp32 of the fine-tuned weights.
"""

from __future__ import annotations

import argparse
import dataclasses
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from training.corpora import rotten_tomatoes
from training.held_out import write_lines

from benchmarks.results import save
from bert_calibration import ranges_file
from bert_calibration.baseline import BaselineArtefact
from bert_calibration.batches import batches_of as calibration_batches
from bert_calibration.config import QuantizationConfig
from bert_calibration.finetune.finetune import finetune_int8
from bert_calibration.finetune.trainer import FinetuneSettings, batches_of
from bert_calibration.observe import observe
from bert_calibration.quality import Quality, measure_of, qualities
from bert_calibration.quantize import quantize
from bert_calibration.ranges import Ranges, ranges_of
from bert_calibration.samples import Samples, read_samples
from bert_export.checkpoint import Checkpoint, LoadOptions, load
from bert_export.contents import text_of
from bert_export.demo import demo_checkpoint
from bert_runtime import TEXT_CLASSIFICATION, bundle
from bert_runtime.cpus import available_cpus
from bert_runtime.tasks.task import Features

CHANNELS = (5, 77, 150, 300)
STATIC = QuantizationConfig(method="minmax", preset="performance")


def with_outliers(model: torch.nn.Module, factor: float, channels: Sequence[int] = CHANNELS) -> None:
    """Multiply channels of what every attention reads by `factor`, and divide the weights that read them: exact.

    Raises:
        ValueError: the model has no attention.
    """
    found = [module for name, module in model.named_modules() if name.endswith(".attention")]
    if not found:
        raise ValueError(f"{type(model).__name__} has no attention, expected a BERT of transformers")
    with torch.no_grad():
        for module in found:
            value, output = module.get_submodule("self.value"), module.get_submodule("output.dense")
            value.get_parameter("weight")[list(channels)] *= factor
            value.get_parameter("bias")[list(channels)] *= factor
            output.get_parameter("weight")[:, list(channels)] /= factor


def export(checkpoint: Checkpoint, folder: Path) -> BaselineArtefact:
    """The checkpoint's fp32 bundle for the CPU, by the command that users run."""
    source, output = folder / "checkpoint", folder / "bundle"
    checkpoint.model.save_pretrained(source)
    for name, text in checkpoint.files.items():
        (source / name).write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "bert_export.cli", "--model", str(source), "--task", checkpoint.task.name]
    subprocess.run([*command, "--output", str(output), "--quiet"], check=True)
    return BaselineArtefact.of(bundle.read(output), "cpu")


def rows_of(baseline: BaselineArtefact, texts: Sequence[str]) -> list[Features]:
    """These texts as rows of the network."""
    return baseline.rows([TEXT_CLASSIFICATION.request(text=text) for text in texts])


def minmax(baseline: BaselineArtefact, texts: Sequence[str]) -> Ranges:
    """What calibration finds on these texts."""
    seen = observe(baseline.path, calibration_batches(rows_of(baseline, texts), baseline.text.pad_id))
    return ranges_of(seen, "minmax", ranges_file.digest(baseline.path), len(texts))


def accuracy(baseline: BaselineArtefact, samples: Samples, file: Path | None = None) -> Quality:
    """Of the fp32 artefact, or of its int8 variant in `file`."""
    with baseline.engine(file) as engine:
        results = baseline.answers(engine, samples.requests)
    return qualities(measure_of(baseline.task, baseline.record.settings), results, samples.golds)[0]


def static_int8(baseline: BaselineArtefact, ranges: Ranges, samples: Samples, file: Path) -> Quality:
    """The accuracy with these ranges, every product of the encoder in int8."""
    quantize(baseline, STATIC, None, file, ranges)
    return accuracy(baseline, samples, file)


def measure(factor: float, texts: int, settings: FinetuneSettings, limit: int) -> dict[str, Any]:
    """The four accuracies."""
    checkpoint = load(demo_checkpoint(TEXT_CLASSIFICATION.name), TEXT_CLASSIFICATION, LoadOptions())
    with_outliers(checkpoint.model, factor)
    train = [str(line["text"]) for line in rotten_tomatoes.train()[:texts]]
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        test = write_lines(rotten_tomatoes.held_out()[:limit], folder / "test.jsonl")
        samples = read_samples(test, checkpoint.task, checkpoint.settings, text_of(checkpoint))
        before = export(checkpoint, folder / "before")
        found = {"fp32": accuracy(before, samples)}
        found["int8"] = static_int8(before, minmax(before, train[:256]), samples, folder / "before.onnx")
        print(found, flush=True)
        checkpoint.model.requires_grad_(True)  # an export freezes them
        batches = batches_of(rows_of(before, train), before.text.pad_id, settings.batch_limits)
        learned = finetune_int8(checkpoint.model, batches, settings)
        after = export(checkpoint, folder / "after")
        found["int8, fine-tuned"] = static_int8(after, learned.ranges(after.path), samples, folder / "after.onnx")
        found["fp32, fine-tuned"] = accuracy(after, samples)
    lost = found["fp32"].value - found["int8"].value
    return {
        "factor": factor,
        "texts": texts,
        "settings": dataclasses.asdict(settings),
        "accuracy": {name: dataclasses.asdict(quality) for name, quality in found.items()},
        "recovered": (found["int8, fine-tuned"].value - found["int8"].value) / lost if lost else None,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and keep the result."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--outliers", type=float, default=64.0, help="what the channels are multiplied by")
    flags.add_argument("--texts", type=int, default=800, help="sentences to fine-tune on")
    flags.add_argument("--limit", type=int, default=rotten_tomatoes.HELD_OUT, help="sentences to measure on")
    parsed = flags.parse_args(arguments)
    found = measure(parsed.outliers, parsed.texts, FinetuneSettings(), parsed.limit)
    print(save("finetune", "text-classification", available_cpus(), found), found["recovered"], flush=True)


if __name__ == "__main__":
    main()
