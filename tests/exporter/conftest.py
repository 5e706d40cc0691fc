"""Tiny seeded checkpoints of every head, and the bundles that the exporter makes of them, each made once."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import save_file
from transformers import BertConfig

from bert_export.exporting import export
from bert_export.options import ExportOptions
from bert_export.report import ExportReport
from bert_runtime.tasks import find_task

torch.set_num_threads(1)  # tiny matrices: threads only wait for each other

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,;:!?'()-#@/"
WORDS = ("the", "of", "was", "is", "movie", "book", "song", "##ed", "board", "wall")
VOCABULARY = (*SPECIAL, *LETTERS, *(f"##{letter}" for letter in LETTERS), *WORDS)
LONGEST = 160
TIED = {"cls.predictions.decoder.weight", "cls.predictions.decoder.bias"}

Config = Mapping[str, Any]
TinyCheckpoint = Callable[[str, Config], Path]
"""(task, keys of config.json that differ from the tiny ones) -> a checkpoint's directory."""
TinyBundle = Callable[[str, bool], ExportReport]
"""(task, plain) -> the report of an export for every target."""
NONE: Config = {}
TARGETS = ("cpu", "portable", "cuda:fp16")
"""What tiny bundles hold."""
TARGET_FLAGS = [word for target in TARGETS for word in ("--target", target)]
READS_ENCODER: Config = {"add_cross_attention": True}
SourceBundle = Callable[[bool], ExportReport]
"""plain -> the report of an export for every target of a decoder that reads an encoder."""


def fast_for(names: Sequence[str], *quick: str) -> list[Any]:
    """Parameters of a test: all names, of which the fast suite runs the quick ones: those that differ most."""
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in names]


PLAIN = [False, pytest.param(True, marks=pytest.mark.slow)]
"""Values of a parameter, of which the fast suite leaves the graph of the whole class to the slow one."""


def save_checkpoint(folder: Path, task: str, changes: Config = NONE) -> Path:
    """Write a seeded model of the task's class the way save_pretrained does; logits are of the order of one."""
    model_class, settings = find_task(task).model_class, find_task(task).settings
    shape: dict[str, Any] = {
        "vocab_size": len(VOCABULARY),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": LONGEST,
        "initializer_range": 0.3,
    }
    if "labels" in settings:
        shape |= {"id2label": {0: "O", 1: "B-PER", 2: "I-PER"}, "problem_type": "single_label_classification"}
    if find_task(task).is_autoregressive:
        shape["is_decoder"] = True
    config = BertConfig(**(shape | dict(changes)))
    torch.manual_seed(0)
    model = getattr(transformers, model_class)(config)
    weights = {name: weight.contiguous() for name, weight in model.state_dict().items() if name not in TIED}
    folder.mkdir(parents=True)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    content = {**config.to_diff_dict(), "architectures": [model_class], "model_type": "bert"}
    (folder / "config.json").write_text(json.dumps(content), encoding="utf-8")
    words = [*VOCABULARY, *(f"[unused{i}]" for i in range(config.vocab_size - len(VOCABULARY)))]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": true}', encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> TinyCheckpoint:
    """Checkpoints, each saved once."""
    saved: dict[str, Path] = {}

    def get(task: str, changes: Config = NONE) -> Path:
        key = f"{task} {json.dumps(changes)}"
        if key not in saved:
            saved[key] = save_checkpoint(tmp_path_factory.mktemp("checkpoints") / task, task, changes)
        return saved[key]

    return get


@pytest.fixture(scope="session")
def tiny_bundle(tiny_checkpoint: TinyCheckpoint, tmp_path_factory: pytest.TempPathFactory) -> TinyBundle:
    """Bundles for every target, each exported once: read them, but change nothing in them."""

    @functools.cache
    def get(task: str, plain: bool) -> ExportReport:
        output = tmp_path_factory.mktemp("bundles") / task
        model = str(tiny_checkpoint(task, NONE))
        return export(ExportOptions(model=model, task=task, output=output, targets=TARGETS, plain=plain))

    return get


@pytest.fixture(scope="session")
def source_bundle(tiny_checkpoint: TinyCheckpoint, tmp_path_factory: pytest.TempPathFactory) -> SourceBundle:
    """Bundles of a decoder that reads an encoder, each exported once: read them, but change nothing in them."""

    @functools.cache
    def get(plain: bool) -> ExportReport:
        output = tmp_path_factory.mktemp("bundles") / "from-source"
        model = str(tiny_checkpoint("text-generation", READS_ENCODER))
        return export(ExportOptions(model=model, output=output, targets=("cpu", "portable", "cuda:fp16"), plain=plain))

    return get
