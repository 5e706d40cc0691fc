"""transformers' Trainer as fine-tuning uses it: AdamW without decay on biases and LayerNorm, linear warm-up and decay,
batches of similar length."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Trainer, TrainingArguments

from bert_runtime.schedule import BatchLimits, collate, plan
from bert_runtime.tasks.task import Features

Batch = Mapping[str, Tensor]
"""The model's arguments; its targets too, where it has labels to learn."""


@dataclass(frozen=True)
class FinetuneSettings:
    """How long and how fast.

    Attributes:
        range_rate: the learning rate of the activations' ranges: how far the logarithm of an end moves in one step.
        temperature: softens the teacher's probabilities, so that wrong answers teach too (Hinton et al. 2015).
        limits: the size of a batch.
    """

    epochs: int = 2
    learning_rate: float = 2e-5
    range_rate: float = 5e-2
    weight_decay: float = 0.01
    warmup: float = 0.1
    temperature: float = 2.0
    seed: int = 7
    batch_limits: BatchLimits = field(default_factory=lambda: BatchLimits(max_batch_tokens=1024, max_batch_size=32))


def batches_of(rows: Sequence[Features], pad_id: int, limits: BatchLimits) -> list[Batch]:
    """The rows in batches of similar length, as the model's arguments."""
    return [
        {name: torch.from_numpy(array) for name, array in collate([rows[i] for i in indices], pad_id).items()}
        for indices in plan(rows, limits)
    ]


def arguments_of(batch: Batch) -> dict[str, Tensor]:
    """What a model of transformers takes: the positions of masks are for artefacts alone."""
    return {name: tensor for name, tensor in batch.items() if name != "positions"}


class HeadTrainer(Trainer):
    """Trains on batches that are made already, by the model's own loss."""

    def __init__(self, model: nn.Module, batches: Sequence[Batch], settings: FinetuneSettings) -> None:
        """Nothing is written, neither checkpoints nor reports."""
        self.settings = settings
        arguments = TrainingArguments(
            output_dir=tempfile.gettempdir(),
            num_train_epochs=settings.epochs,
            learning_rate=settings.learning_rate,
            lr_scheduler_type="linear",
            warmup_steps=settings.warmup,  # less than 1: the share of all steps
            per_device_train_batch_size=1,  # an item is a batch
            seed=settings.seed,
            save_strategy="no",
            report_to=[],
            remove_unused_columns=False,
            disable_tqdm=True,
            logging_steps=50,
            use_cpu=True,
        )
        super().__init__(model=model, args=arguments, train_dataset=list(batches), data_collator=_only)

    def own_rate(self) -> Mapping[nn.Parameter, float]:
        """Parameters with a learning rate of their own, and without decay."""
        return {}

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """AdamW in three groups."""
        own = self.own_rate()
        assert self.model is not None  # Trainer's type allows for a model that is made later
        named = [(name, p) for name, p in self.model.named_parameters() if p.requires_grad and p not in own]
        plain = [p for name, p in named if name.endswith("bias") or "LayerNorm" in name]
        decayed = [p for name, p in named if not (name.endswith("bias") or "LayerNorm" in name)]
        groups: list[dict[str, Any]] = [
            {"params": decayed, "weight_decay": self.settings.weight_decay},
            {"params": plain, "weight_decay": 0.0},
            *({"params": [p], "weight_decay": 0.0, "lr": rate} for p, rate in own.items()),
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=self.settings.learning_rate)
        return self.optimizer


def _only(items: list[Any]) -> dict[str, Any]:
    [batch] = items
    return dict(batch)
