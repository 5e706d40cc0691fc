"""Tiny checkpoints, seeded, written the way save_pretrained writes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import BertConfig

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghA", *("##" + letter for letter in "abcdefgh")]
Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A function that saves a seeded model of a class to a new directory, and returns the directory."""
    count = 0

    def save(model_class: str = "BertForQuestionAnswering", **values: Any) -> Path:
        nonlocal count
        count += 1
        folder = tmp_path / f"tiny-{count}"
        folder.mkdir()
        config = BertConfig(
            vocab_size=30,
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=40,
            **values,
        )
        torch.manual_seed(count)
        model = getattr(transformers, model_class)(config)
        tied = {"cls.predictions.decoder.weight", "cls.predictions.decoder.bias"}
        weights = {name: weight.contiguous() for name, weight in model.state_dict().items() if name not in tied}
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        raw = {**config.to_diff_dict(), "architectures": [model_class], "model_type": "bert"}
        write(folder, "config.json", raw)
        (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
        write(folder, "tokenizer_config.json", {"do_lower_case": False, "model_max_length": 32})
        return folder

    return save


def write(folder: Path, name: str, value: object) -> None:
    """Write a JSON file."""
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps(value), encoding="utf-8")


def edit(folder: Path, name: str, **values: Any) -> None:
    """Set keys of a JSON file; None removes one."""
    content = json.loads((folder / name).read_text(encoding="utf-8")) | values
    write(folder, name, {key: value for key, value in content.items() if value is not None})


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """The weights of a directory that `make` wrote."""
    return load_file(folder / "model.safetensors")


def replace_weights(folder: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Write other weights."""
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
