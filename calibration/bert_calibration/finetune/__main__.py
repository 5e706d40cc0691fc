"""Fine-tune a checkpoint for int8, and give its ranges to the bundle that was exported from it.

    python -m bert_calibration.finetune tune CHECKPOINT --task ner --samples texts.jsonl -o TUNED
    bert-export --model TUNED --task ner -o BUNDLE
    python -m bert_calibration.finetune ranges TUNED BUNDLE -o ranges.json
    bert-export --bundle BUNDLE --int8 --preset performance --ranges ranges.json -o INT8

Or let a pruned network learn from the whole one, for so many minutes:

    bert-export --model CHECKPOINT --task ner --prune --calibrate labelled.jsonl --save-pruned PRUNED -o BUNDLE
    python -m bert_calibration.finetune distill PRUNED --task ner --samples texts.jsonl --minutes 15 -o RECOVERED
    bert-export --model RECOVERED --task ner --int8 --calibrate labelled.jsonl -o SMALLER

The samples are requests as `bert-run` reads them; gold is not needed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import transformers

from bert_calibration import ranges_file
from bert_calibration.errors import CalibrationError
from bert_calibration.finetune.distil import DistilSettings, distil
from bert_calibration.finetune.finetune import Learned, finetune_int8
from bert_calibration.finetune.trainer import Batch, FinetuneSettings, batches_of
from bert_calibration.samples import encode, read_samples
from bert_runtime import bundle
from bert_runtime.errors import BertError
from bert_runtime.tasks import find_task
from bert_runtime.tasks.task import HeadSettings, Task
from bert_runtime.text import TextEncoder
from bert_runtime.tokenizer_record import TokenizerRecord

LEARNED_FILE = "learned_ranges.json"
WEIGHTS = (".safetensors", ".bin", ".pt")


def tune(parsed: argparse.Namespace) -> None:
    """Write the fine-tuned checkpoint, with its ranges beside the weights."""
    model = _model(parsed.checkpoint, parsed.task)
    settings = FinetuneSettings(parsed.epochs, parsed.learning_rate)
    learned = finetune_int8(model, _batches(parsed, model, settings), settings)
    _write(model, parsed)
    points = {name: list(ends) for name, ends in learned.points.items()}
    record = {"rows": learned.rows, "texts": sorted(learned.texts or ()), "points": points}
    (parsed.output / LEARNED_FILE).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def distill(parsed: argparse.Namespace) -> None:
    """Write the pruned checkpoint after it has learned from the whole one."""
    student, teacher = _model(parsed.checkpoint, parsed.task), _model(_teacher(parsed), parsed.task)
    batches = _batches(parsed, student, FinetuneSettings())
    done = distil(student, teacher, batches, DistilSettings(parsed.minutes, parsed.learning_rate))
    _write(student, parsed)
    print(f"{done.steps} steps: loss {done.before:.4g} at first, {done.after:.4g} at last", file=sys.stderr)


def _teacher(parsed: argparse.Namespace) -> Path:
    """The whole checkpoint: the one named, or the one that `bert-export --save-pruned` wrote beside the pruned one."""
    whole: Path = parsed.teacher or parsed.checkpoint / "whole"
    return whole


def _model(source: Path, task: str) -> transformers.PreTrainedModel:
    """A checkpoint's model of the task's class.

    Raises:
        CalibrationError: the directory is none of a checkpoint.
    """
    if not (source / "config.json").is_file() or not (source / "tokenizer.json").is_file():
        raise CalibrationError(f"{source}: expected a checkpoint's directory with config.json and tokenizer.json")
    kind = getattr(transformers, find_task(task).model_class)
    model: transformers.PreTrainedModel = kind.from_pretrained(source, local_files_only=True, weights_only=True)
    return model


def _batches(
    parsed: argparse.Namespace, model: transformers.PreTrainedModel, settings: FinetuneSettings
) -> list[Batch]:
    """The samples as the model's arguments."""
    task = find_task(parsed.task)
    text = _text(parsed.checkpoint, model.config)
    head = task.head(text, _settings(task, model.config))
    samples = read_samples(parsed.samples, task, head.settings, text, parsed.limit)
    for warning in samples.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    rows = [row for each in encode(samples, head) for row in each.features]
    return batches_of(rows, text.pad_id, settings.batch_limits)


def _write(model: transformers.PreTrainedModel, parsed: argparse.Namespace) -> None:
    """The checkpoint with its new weights."""
    parsed.output.mkdir(parents=True, exist_ok=True)
    for path in parsed.checkpoint.iterdir():
        if path.is_file() and path.suffix not in WEIGHTS:
            shutil.copyfile(path, parsed.output / path.name)
    model.save_pretrained(parsed.output)


def ranges(parsed: argparse.Namespace) -> None:
    """Write the ranges file of the bundle's fp32 artefact."""
    path = parsed.checkpoint / LEARNED_FILE
    if not path.is_file():
        raise CalibrationError(f"{path} does not exist; give the directory that `tune` wrote")
    record = json.loads(path.read_text(encoding="utf-8"))
    texts = frozenset(record["texts"]) if "texts" in record else None
    learned = Learned({name: (low, high) for name, (low, high) in record["points"].items()}, record["rows"], texts)
    found = bundle.read(parsed.bundle)
    files = [artefact.file for artefact in found.manifest.artefacts if artefact.precision == "fp32"]
    if not files:
        raise CalibrationError(
            f"{parsed.bundle} holds no fp32 artefact; export the fine-tuned checkpoint in fp32 first"
        )
    ranges_file.save(learned.ranges(found.directory / files[0]), parsed.output)


def _text(source: Path, config: transformers.PretrainedConfig) -> TextEncoder:
    """The checkpoint's own tokenizer, as a runtime would use it."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(source, local_files_only=True)
    has_types = "token_type_ids" in tokenizer.model_input_names and config.type_vocab_size > 1
    record = TokenizerRecord(
        file="tokenizer.json",
        max_length=min(config.max_position_embeddings, tokenizer.model_max_length),
        pad_id=tokenizer.pad_token_id or 0,
        mask_id=tokenizer.mask_token_id,
        truncation_side=tokenizer.truncation_side,
        pair_type_ids=(0, 1) if has_types else (0, 0),
    )
    return TextEncoder.from_json(tokenizer.backend_tokenizer.to_str().encode(), record.file, record)


def _settings(task: Task[Any, Any, Any], config: transformers.PretrainedConfig) -> HeadSettings:
    """What the head needs to encode; how vectors are pooled and scores made changes no row."""
    names = config.id2label or {}  # its keys are integers, whatever its type says
    labels = tuple(str(name) for _, name in sorted(names.items())) if "labels" in task.settings else ()
    kind = (config.problem_type or "single_label_classification") if "problem_type" in task.settings else None
    pooled = "pooling" in task.settings
    activation = "none" if "activation" in task.settings else None
    return HeadSettings(labels, kind, "mean" if pooled else None, False if pooled else None, activation)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command: 0 done, 2 the input is wrong."""
    usual = FinetuneSettings()
    flags = argparse.ArgumentParser(
        prog="python -m bert_calibration.finetune",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = flags.add_subparsers(required=True)
    verb = verbs.add_parser("tune", help="fine-tune a checkpoint")
    verb.set_defaults(run=tune)
    verb.add_argument("checkpoint", type=Path)
    verb.add_argument("--task", required=True)
    verb.add_argument("--samples", type=Path, required=True, help="JSON Lines of requests, some hundred")
    verb.add_argument("--limit", type=int)
    verb.add_argument("--epochs", type=int, default=usual.epochs)
    verb.add_argument("--learning-rate", type=float, default=usual.learning_rate)
    verb.add_argument("-o", "--output", type=Path, required=True)
    slow = DistilSettings()
    verb = verbs.add_parser("distill", help="let a pruned checkpoint learn from the whole one")
    verb.set_defaults(run=distill)
    verb.add_argument("checkpoint", type=Path, help="what `bert-export --prune --save-pruned DIR` wrote")
    verb.add_argument("--teacher", type=Path, help="the whole checkpoint; default: `whole` in the pruned one")
    verb.add_argument("--task", required=True)
    verb.add_argument("--samples", type=Path, required=True, help="JSON Lines of requests, some hundred or more")
    verb.add_argument("--limit", type=int)
    verb.add_argument("--minutes", type=float, default=slow.minutes)
    verb.add_argument("--learning-rate", type=float, default=slow.learning_rate)
    verb.add_argument("-o", "--output", type=Path, required=True)
    verb = verbs.add_parser("ranges", help="its ranges, for the bundle exported from it")
    verb.set_defaults(run=ranges)
    verb.add_argument("checkpoint", type=Path)
    verb.add_argument("bundle", type=Path)
    verb.add_argument("-o", "--output", type=Path, required=True)
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["--distill"]:
        given[0] = "distill"
    parsed = flags.parse_args(given)
    try:
        parsed.run(parsed)
    except (BertError, OSError) as error:
        print(f"finetune: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
