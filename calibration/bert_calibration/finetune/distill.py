"""Fine-tuning with transformers' Trainer: the network rounds as its int8 artefact will, and learns what it answered
before it had to.

The fp32 network is the teacher, hence no labels are needed and every head is trained in the same way: the loss is the
difference of the outputs. Where labels are the point, `fit` trains on the model's own loss, rounding or not.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import kl_div, log_softmax, mse_loss
from transformers import PreTrainedModel, Trainer, TrainingArguments

from bert_calibration.finetune.fake_quantize import FakeQuantization, insert
from bert_runtime.schedule import Budget, collate, plan
from bert_runtime.tasks.task import Features

Batch = Mapping[str, Tensor]


@dataclass(frozen=True)
class FinetuneSettings:
    """How long and how fast; AdamW with linear warm-up, then linear decay.

    Attributes:
        range_rate: the learning rate of the activations' ranges, whose size has nothing to do with that of weights.
        temperature: softens both sides' probabilities, so that wrong answers teach too (Hinton et al. 2015).
        budget: the size of a batch.
    """

    epochs: int = 1
    learning_rate: float = 5e-5
    range_rate: float = 1e-2
    weight_decay: float = 0.01
    warmup: float = 0.1
    temperature: float = 2.0
    seed: int = 7
    budget: Budget = Budget(tokens=1024, rows=32)


@dataclass(frozen=True)
class Learned:
    """The ranges that go with the model's new weights: activation -> (low, high), and how many rows taught them."""

    ranges: Mapping[str, tuple[float, float]]
    rows: int


def batches_of(rows: Sequence[Features], pad_id: int, budget: Budget) -> list[Batch]:
    """The rows in batches of similar length, as the model's arguments."""
    return [
        {name: torch.from_numpy(array) for name, array in collate([rows[i] for i in indices], pad_id).items()}
        for indices in plan(rows, budget)
    ]


def finetune_int8(
    model: PreTrainedModel, rows: Sequence[Features], pad_id: int, settings: FinetuneSettings | None = None
) -> Learned:
    """Train `model` in place to answer in int8 as it does in fp32 on `rows`; it is left without any rounding.

    Raises:
        ValueError: there are no rows, or the model is no BERT.
    """
    settings = settings or FinetuneSettings()
    batches = batches_of(rows, pad_id, settings.budget)
    if not batches:
        raise ValueError("no rows to fine-tune on, expected some hundred; give texts as they will be served")
    teacher = copy.deepcopy(model).eval()
    quantization = insert(model)
    try:
        observe(quantization, batches)
        quantization.round(on=True)
        _run(_Distiller, quantization, batches, settings, teacher)
        return Learned(quantization.learned(), len(rows))
    finally:
        quantization.remove()
        model.eval()


@torch.no_grad()
def observe(quantization: FakeQuantization, batches: Sequence[Batch]) -> None:
    """Let the ranges cover everything in `batches` but padding."""
    quantization.round(on=False)
    quantization.model.eval()
    for batch in batches:
        quantization.show_padding(batch["attention_mask"])
        quantization.model(**_arguments(batch))
    quantization.show_padding(None)


class _Distiller(Trainer):
    """Trainer with the teacher's outputs as targets; activations' ranges have a learning rate of their own."""

    def __init__(
        self, quantization: FakeQuantization, batches: Sequence[Batch], settings: FinetuneSettings, teacher: nn.Module
    ) -> None:
        self._ranges = list(quantization.ranges.values())
        self._settings, self._teacher = settings, teacher
        super().__init__(
            model=quantization.model,
            args=_training_arguments(settings),
            train_dataset=list(batches),
            data_collator=_only,
        )

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        ends = [end for each in self._ranges for end in each.parameters()]
        own = {id(end) for end in ends}
        named = [(name, p) for name, p in self.model.named_parameters() if p.requires_grad and id(p) not in own]
        plain = [p for name, p in named if name.endswith("bias") or "LayerNorm" in name]
        decayed = [p for name, p in named if not (name.endswith("bias") or "LayerNorm" in name)]
        settings = self._settings
        self.optimizer = torch.optim.AdamW(
            [
                {"params": decayed, "weight_decay": settings.weight_decay},
                {"params": plain, "weight_decay": 0.0},
                {"params": ends, "weight_decay": 0.0, "lr": settings.range_rate},
            ],
            lr=settings.learning_rate,
        )
        return self.optimizer

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        arguments = _arguments(inputs)
        with torch.inference_mode():
            expected = self._teacher(**arguments)
        found = model(**arguments)
        real = inputs["attention_mask"].bool()
        losses = [output_loss(found[name], expected[name].clone(), real, self._settings.temperature) for name in found]
        loss = torch.stack(losses).sum()
        return (loss, found) if return_outputs else loss


def output_loss(found: Tensor, expected: Tensor, real: Tensor, temperature: float) -> Tensor:
    """How far one output is from the teacher's, padding left out.

    Scores of several labels are probabilities, compared by their Kullback-Leibler divergence: over the last axis, or,
    for start and end logits of shape (batch, sequence), over the tokens. One value by itself is compared as it is.
    """
    if found.shape == real.shape:
        found, expected = (side.masked_fill(~real, -1e4) for side in (found, expected))
    elif found.shape[:-1] == real.shape:
        found, expected = found[real], expected[real]
    if found.shape[-1] == 1:
        return mse_loss(found, expected)
    mine, theirs = (log_softmax(side.flatten(0, -2) / temperature, dim=-1) for side in (found, expected))
    return kl_div(mine, theirs, log_target=True, reduction="batchmean") * temperature**2


def _run(trainer: type[_Distiller], *arguments: Any) -> None:
    trainer(*arguments).train()


def _arguments(batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What the model takes: positions of masks are for artefacts alone."""
    return {name: tensor for name, tensor in batch.items() if name != "positions"}


def _only(items: Sequence[Batch]) -> Batch:
    """An item is a batch already."""
    [batch] = items
    return batch


def _training_arguments(settings: FinetuneSettings) -> TrainingArguments:
    return TrainingArguments(
        output_dir=tempfile.gettempdir(),  # nothing is saved there
        num_train_epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=settings.warmup,
        per_device_train_batch_size=1,
        seed=settings.seed,
        save_strategy="no",
        report_to=[],
        remove_unused_columns=False,
        disable_tqdm=True,
        logging_steps=50,
        use_cpu=True,
    )
