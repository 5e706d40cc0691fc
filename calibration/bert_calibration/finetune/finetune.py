"""Fine-tuning a head: in fp32 on labels, or rounding as its int8 artefact will, on what it answered before it had to.

In int8 the fp32 network is the teacher, hence no labels are needed and every head is trained in the same way: the loss
is the difference of the outputs.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx_ir as ir
import torch
from torch import Tensor, nn
from torch.nn.functional import kl_div, log_softmax, mse_loss
from transformers import PreTrainedModel

from bert_calibration.errors import CalibrationError
from bert_calibration.finetune.fake_quantize import FakeQuantization, insert
from bert_calibration.finetune.trainer import Batch, FinetuneSettings, HeadTrainer, arguments_of
from bert_calibration.held_out import Rows, digests
from bert_calibration.products import find_points
from bert_calibration.ranges import LEARNED, Range, Ranges
from bert_calibration.ranges_file import digest


@dataclass(frozen=True)
class Learned:
    """The ranges that go with a model's new weights.

    Attributes:
        points: activation -> (low, high).
        rows: how many rows of the model's batches taught them.
        texts: what tells these again; see `held_out.digests`.
    """

    points: Mapping[str, tuple[float, float]]
    rows: int
    texts: frozenset[str] | None = None

    def ranges(self, graph: Path) -> Ranges:
        """As `ranges_file.save` takes them, for the fp32 artefact that was exported from the fine-tuned model.

        A graph may read part of an activation by itself, as the last layer's query reads one token: its range is that
        of the whole.

        Raises:
            CalibrationError: the graph has an activation that was not learned.
        """
        names = {point.name: self._name_of(point.name) for point in find_points(ir.load(graph))}
        unknown = [point for point, name in names.items() if name is None]
        if unknown:
            raise CalibrationError(
                f"no range was learned for {', '.join(unknown)}, expected the graph of the fine-tuned model: export it"
            )
        points = {point: Range(*self.points[name]) for point, name in names.items() if name is not None}
        return Ranges(LEARNED, digest(graph), self.rows, points, self.texts)

    def _name_of(self, point: str) -> str | None:
        """The activation that `point` is, or is part of."""
        found = (name for name in self.points if point == name or point.startswith(f"{name}."))
        return max(found, key=len, default=None)


def finetune_fp32(model: PreTrainedModel, batches: Sequence[Batch], settings: FinetuneSettings) -> None:
    """Train `model` in place on its own loss; the batches hold its targets.

    Raises:
        CalibrationError: there are no batches.
    """
    _check(batches)
    HeadTrainer(model, batches, settings).train()
    model.eval()  # type: ignore[no-untyped-call]


def finetune_int8(model: PreTrainedModel, batches: Sequence[Batch], settings: FinetuneSettings) -> Learned:
    """Train `model` in place to answer in int8 as it did in fp32; it is left without any rounding.

    Raises:
        CalibrationError: there are no batches, or the model has no encoder of a BERT.
    """
    _check(batches)
    teacher = copy.deepcopy(model)
    teacher.eval()  # type: ignore[no-untyped-call]
    quantization = insert(model)
    try:
        observe(quantization, batches)
        quantization.round(on=True)
        _Distiller(quantization, batches, settings, teacher).train()
        rows = sum(len(batch["input_ids"]) for batch in batches)
        return Learned(quantization.learned(), rows, digests(map(_arrays, batches)))
    finally:
        quantization.remove()
        model.eval()  # type: ignore[no-untyped-call]


def _arrays(batch: Batch) -> Rows:
    ids, type_ids, mask = (batch[name].numpy() for name in ("input_ids", "token_type_ids", "attention_mask"))
    return ids, type_ids, mask


@torch.no_grad()
def observe(quantization: FakeQuantization, batches: Sequence[Batch]) -> None:
    """Let the ranges cover everything in `batches` but padding."""
    quantization.round(on=False)
    quantization.model.eval()
    for batch in batches:
        quantization.show_padding(batch["attention_mask"])
        quantization.model(**arguments_of(batch))
    quantization.show_padding(None)


class _Distiller(HeadTrainer):
    """The teacher's outputs are the targets; activations' ranges have a learning rate of their own."""

    def __init__(
        self, quantization: FakeQuantization, batches: Sequence[Batch], settings: FinetuneSettings, teacher: nn.Module
    ) -> None:
        self._ranges, self._teacher = quantization.ranges, teacher
        super().__init__(quantization.model, batches, settings)

    def own_rate(self) -> Mapping[nn.Parameter, float]:
        return {each.logarithms: self.settings.range_rate for each in self._ranges.values()}

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        # Without dropout: ranges must fit what is served, and noise of that size drowns the teacher's differences.
        model.eval()
        arguments = arguments_of(inputs)
        with torch.no_grad():
            expected = self._teacher(**arguments)
        found, real = model(**arguments), inputs["attention_mask"].bool()
        losses = [output_loss(found[name], expected[name], real, self.settings.temperature) for name in found]
        loss = torch.stack(losses).sum()
        return (loss, found) if return_outputs else loss


def output_loss(found: Tensor, expected: Tensor, real: Tensor, temperature: float) -> Tensor:
    """How far one output is from the teacher's, padding left out.

    Scores are probabilities over the last axis (of start and end logits, the tokens), compared by their
    Kullback-Leibler divergence. A single value is compared as it is.
    """
    if found.shape == real.shape:
        found, expected = (side.masked_fill(~real, torch.finfo(side.dtype).min / 2) for side in (found, expected))
    elif found.shape[:-1] == real.shape:
        found, expected = found[real], expected[real]
    if found.shape[-1] == 1:
        return mse_loss(found, expected)
    mine, theirs = (log_softmax(side.flatten(0, -2) / temperature, dim=-1) for side in (found, expected))
    return kl_div(mine, theirs, log_target=True, reduction="batchmean") * temperature**2


def _check(batches: Sequence[Batch]) -> None:
    if not batches:
        raise CalibrationError("no text to fine-tune on, expected some hundred; give texts as they will be served")
