"""How much of the answers hangs on each sub-layer: each one alone with half of its structures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from bert_calibration.batches import Batch
from bert_calibration.pruning.stages import Part
from bert_calibration.pruning.walk import Curve, apply, half_of
from bert_calibration.pruning.widths import Kind
from bert_calibration.quality.divergence import Divergence
from bert_runtime.tasks.tensors import TensorSpec

LEAST = 1e-9


@dataclass(frozen=True)
class Answers:
    """What is compared: a head's outputs on some batches.

    Attributes:
        batches: an even choice of the calibration texts.
        outputs: the graph's, in order.
        apart: how far two variants of an output are apart, position by position.
    """

    batches: Sequence[Batch]
    outputs: Sequence[TensorSpec]
    apart: Divergence


def weights_of(model: ir.Model, curves: Sequence[Curve], answers: Answers) -> dict[tuple[int, Kind], float]:
    """(layer, kind) -> what losing all of the sub-layer's output would cost, if costs grew with the squared error.

    A divergence is of second order in a change, as the error of `removal` is. One measurement for each sub-layer, with
    half of its structures, gives the rate between them.
    """
    whole = _outputs(model, answers)
    found = {}
    for curve in curves:
        narrowed = model.clone()
        apply(narrowed, curve.half)
        distance = _distance(answers, _outputs(narrowed, answers), whole)
        found[curve.key] = max(distance, LEAST) / max(curve.removal.error(half_of(curve.sublayer)), LEAST)
    return found


Outputs = list[list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]]


def _outputs(model: ir.Model, answers: Answers) -> Outputs:
    names = tuple(str(value.name) for value in model.graph.inputs)
    part = Part(model, names, ())
    return [part.run(batch) for batch in answers.batches]


def _distance(answers: Answers, found: Outputs, whole: Outputs) -> float:
    """The mean over positions, summed over outputs."""
    return sum(
        float(np.concatenate(list(_positions(answers, place, found, whole))).mean())
        for place in range(len(answers.outputs))
    )


def _positions(
    answers: Answers, place: int, found: Outputs, whole: Outputs
) -> Iterator[np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    axes = answers.outputs[place].axes
    for batch, ours, theirs in zip(answers.batches, found, whole, strict=True):
        kept = {"sequence": batch.tokens, "masks": batch.masks}.get(axes[1])
        rows = np.ones(len(theirs[place]), dtype=np.bool_) if kept is None else kept
        yield answers.apart(ours[place], theirs[place], rows)
