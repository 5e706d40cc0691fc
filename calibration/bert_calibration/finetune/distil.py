"""Recovery of a pruned network: it learns from the whole one, in the time that is given for it.

The pruned checkpoint has the shapes of the whole one, with zeros for what was removed. These stay zeros: the export
slices them. The loss is the difference of the outputs (Hinton et al. 2015) and of the hidden states of every layer
(Sanh et al. 2019, "DistilBERT"; Xia et al. 2022, arXiv 2204.00408), padding left out. No label is needed.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from transformers import PreTrainedModel

from bert_calibration.errors import CalibrationError
from bert_calibration.finetune.finetune import output_loss
from bert_calibration.finetune.trainer import Batch, arguments_of
from bert_runtime.machine.system import this_system

DENSE = (".attention.output.dense.weight", ".output.dense.weight")


@dataclass(frozen=True)
class DistilSettings:
    """How long and how fast.

    Attributes:
        minutes: of training; the batch at hand is finished.
        learning_rate: the highest, after the warm-up.
        warmup: the share of the time in which it rises; then it falls to 0.
        hidden: the weight of the hidden states' loss beside that of the outputs.
        temperature: softens the teacher's probabilities.
    """

    minutes: float = 15.0
    learning_rate: float = 1e-4
    weight_decay: float = 0.01
    warmup: float = 0.1
    hidden: float = 1.0
    temperature: float = 2.0
    seed: int = 7


@dataclass(frozen=True)
class Distilled:
    """How far it came: steps, and the mean loss of the first and of the last tenth of them."""

    steps: int
    before: float
    after: float


def distil(
    student: PreTrainedModel, teacher: PreTrainedModel, batches: Sequence[Batch], settings: DistilSettings
) -> Distilled:
    """Train `student` in place to answer as `teacher` does; what is zero in it stays zero.

    Raises:
        CalibrationError: there are no batches, or nothing was removed from the student.
    """
    if not batches:
        raise CalibrationError("no text to learn from, expected some hundred; give texts as they will be served")
    masks = masks_of(student)
    torch.manual_seed(settings.seed)
    optimizer = torch.optim.AdamW(_groups(student, settings), lr=settings.learning_rate)
    for each in (student, teacher):
        each.eval()  # type: ignore[no-untyped-call]
    losses: list[float] = []
    for batch, share in _timed(batches, settings):
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * _rate(share, settings.warmup)
        with _narrow():
            loss = loss_of(student, teacher, batch, settings)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            for parameter, mask in masks.items():
                parameter.mul_(mask)
        losses.append(float(loss.detach()))
    tenth = max(1, len(losses) // 10)
    return Distilled(len(losses), sum(losses[:tenth]) / tenth, sum(losses[-tenth:]) / tenth)


def masks_of(student: PreTrainedModel) -> Mapping[nn.Parameter, Tensor]:
    """Weight of a second product -> 0 in the columns of what was removed, (1, inputs).

    Raises:
        CalibrationError: nothing was removed.
    """
    named = [(name, parameter) for name, parameter in student.named_parameters() if name.endswith(DENSE)]
    masks = {parameter: (parameter.detach() != 0).any(dim=0, keepdim=True).float() for _, parameter in named}
    if all(bool(mask.all()) for mask in masks.values()):
        raise CalibrationError(
            "the checkpoint has no head and no neuron that was removed, expected one that `bert-export --prune "
            "--save-pruned DIR` wrote"
        )
    return masks


def loss_of(student: PreTrainedModel, teacher: PreTrainedModel, batch: Batch, settings: DistilSettings) -> Tensor:
    """How far the student is from the teacher."""
    arguments = arguments_of(batch)
    real = batch["attention_mask"].bool()
    with torch.no_grad():
        expected = teacher(**arguments, output_hidden_states=True)
    found = student(**arguments, output_hidden_states=True)
    names = [name for name in found if name != "hidden_states"]
    outputs = [output_loss(found[name].float(), expected[name].float(), real, settings.temperature) for name in names]
    rows = real.reshape(-1)
    states = [
        mse_loss(mine.float().reshape(-1, mine.shape[-1])[rows], theirs.float().reshape(-1, theirs.shape[-1])[rows])
        for mine, theirs in zip(found["hidden_states"][1:], expected["hidden_states"][1:], strict=True)
    ]
    return torch.stack(outputs).sum() + settings.hidden * torch.stack(states).mean()


def _timed(batches: Sequence[Batch], settings: DistilSettings) -> Iterator[tuple[Batch, float]]:
    """Batches in a new order each time around, and the share of the time that is over."""
    began, seconds = time.monotonic(), settings.minutes * 60
    generator = torch.Generator().manual_seed(settings.seed)
    for _ in itertools.count():
        for index in torch.randperm(len(batches), generator=generator).tolist():
            share = (time.monotonic() - began) / seconds
            if share >= 1:
                return
            yield batches[index], share


def _rate(share: float, warmup: float) -> float:
    """Rises to 1 in the warm-up, then falls to 0."""
    return share / warmup if share < warmup else (1 - share) / (1 - warmup)


def _groups(student: PreTrainedModel, settings: DistilSettings) -> list[dict[str, object]]:
    """Biases and normalisations do not decay."""
    named = [(name, parameter) for name, parameter in student.named_parameters() if parameter.requires_grad]
    plain = [parameter for name, parameter in named if name.endswith("bias") or "LayerNorm" in name]
    decayed = [parameter for name, parameter in named if not (name.endswith("bias") or "LayerNorm" in name)]
    return [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": plain, "weight_decay": 0.0}]


def _narrow() -> contextlib.AbstractContextManager[object]:
    """bf16 products on a CPU that has them."""
    if this_system().cpu.has_bf16:
        return torch.autocast("cpu", dtype=torch.bfloat16)
    return contextlib.nullcontext()
