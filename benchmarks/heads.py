"""The measured heads as the benchmarks of real texts need them: as bundles, and as checkpoints of transformers."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks.accuracy import FOLDER, export_variant
from benchmarks.accuracy_heads import HEADS, VARIANTS, samples_files
from benchmarks.checkpoints import copy_tokenizer
from benchmarks.peers.bert_export import exporter_version


def bundle(head: str, variant: str) -> Path:
    """The bundle of a head that `bert-export` makes for a variant; made again when the sources that made it change."""
    folder = FOLDER / head
    path = folder / variant.replace(" ", "-").replace(",", "")
    stamp, version = path.with_name(f"{path.name}.built-by"), exporter_version()
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != version:
        shutil.rmtree(path, ignore_errors=True)
        measured = HEADS[head]
        _, calibration = samples_files(measured, folder, 1)
        (made,) = (each for each in VARIANTS if each.name == variant)
        refused = export_variant(measured, measured.source(), made, calibration, path)
        if refused:
            raise SystemExit(f"{head}, {variant}: {refused}")
        stamp.write_text(version, encoding="utf-8")
    return path


def merged_checkpoint(head: str) -> Path:
    """The head as transformers loads it: its adapter merged into the weights, its labels in the config."""
    path = FOLDER / head / "checkpoint"
    if (path / "tokenizer.json").exists():
        return path
    from bert_export.checkpoint import CheckpointLocation, LoadOptions, load  # noqa: PLC0415 - torch, once
    from bert_export.demo import demo_checkpoint  # noqa: PLC0415
    from bert_runtime.tasks import find_task  # noqa: PLC0415

    source = HEADS[head].source()
    flags = dict(zip(source[::2], source[1::2], strict=True))
    task = find_task(HEADS[head].task)
    place = CheckpointLocation(flags["--model"], flags.get("--adapter")) if flags else demo_checkpoint(task.name)
    checkpoint = load(place, task, LoadOptions())
    model, labels = checkpoint.model, getattr(checkpoint.settings, "labels", ())
    if labels:
        model.config.id2label = dict(enumerate(labels))
        model.config.label2id = {label: i for i, label in enumerate(labels)}
    model.save_pretrained(path)
    copy_tokenizer(path)
    return path
