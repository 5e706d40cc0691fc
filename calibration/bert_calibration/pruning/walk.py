"""Through an encoder, sub-layer by sub-layer, on calibration texts: as it was, and as it is with what was pruned.

Each sub-layer is fitted on the activations that the pruned ones before it give. What these lost already is part of what
the next one has to give, so that errors are compensated and do not only add up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from bert_calibration.batches import Batch
from bert_calibration.pruning.brain_surgeon import Indices, Moments, Removal, refit, removal
from bert_calibration.pruning.stages import Floats, Runner, Stage, bias_of, own_constant, stages_of
from bert_calibration.pruning.sublayers import Sublayer, find_sublayers
from bert_calibration.pruning.widths import MULTIPLE, Kind

Masks = Mapping[str, Floats]
"""Name of a weight -> its values with rows of zeros for what was removed; and the biases that go with them."""

Widths = Mapping[tuple[int, Kind], int]
"""(layer, kind) -> how many structures are left."""


@dataclass(frozen=True)
class Curve:
    """What one sub-layer loses at each width, and how many rows of it each text and each token takes.

    Attributes:
        rows: rows of the second product's activation, over all texts.
        tokens: tokens that the texts have.
        half: the weights with half of the structures, to see what that does to the answers.
    """

    sublayer: Sublayer
    removal: Removal
    rows: int
    tokens: int

    half: Masks

    @property
    def key(self) -> tuple[int, Kind]:
        """What `Widths` calls it."""
        return self.sublayer.layer, self.sublayer.kind

    @property
    def work(self) -> float:
        """How much it computes beside a sub-layer of all tokens: keys and values are those of all tokens anyway."""
        share = self.rows / self.tokens
        return (1 + share) / 2 if self.sublayer.kind is Kind.ATTENTION else share


def step_of(sublayer: Sublayer) -> int:
    """How many structures leave at a time."""
    return MULTIPLE if sublayer.kind is Kind.FEED_FORWARD else 1


def curves(model: ir.Model, batches: Sequence[Batch]) -> list[Curve]:
    """Of each sub-layer alone, all others whole."""
    found: list[Curve] = []

    def whole(stage: Stage, moments: Moments, tokens: int) -> None:
        sublayer = stage.sublayer
        order = removal(moments.damped, sublayer.second.matrix(), sublayer.size, step_of(sublayer))
        half = _fitted(stage, moments, order, half_of(sublayer))
        found.append(Curve(sublayer, order, moments.tokens, tokens, half))

    _Walk(model, batches).run(whole)
    return found


def masks_for(model: ir.Model, batches: Sequence[Batch], curves: Sequence[Curve], widths: Widths) -> dict[str, Floats]:
    """The weights of a network with these widths, one sub-layer after another.

    Which structures leave is what the whole network's curves say. What stays is fitted to what the pruned sub-layers
    before it give.
    """
    made: dict[str, Floats] = {}
    orders = {curve.key: curve.removal for curve in curves}

    def pruned(stage: Stage, moments: Moments, _: int) -> tuple[Floats, Floats] | None:
        sublayer = stage.sublayer
        key = (sublayer.layer, sublayer.kind)
        number = widths.get(key, sublayer.groups)
        if number >= sublayer.groups:
            return None
        masks = _fitted(stage, moments, orders[key], number)
        made.update(masks)
        second = sublayer.second
        return masks[str(second.weight.name)] - second.matrix(), masks[stage.bias_name] - stage.stored_bias

    _Walk(model, batches).run(pruned)
    return made


def half_of(sublayer: Sublayer) -> int:
    """Half of the structures, in whole steps."""
    step = step_of(sublayer)
    return max(sublayer.groups // 2 // step, 1) * step


def _fitted(stage: Stage, moments: Moments, order: Removal, number: int) -> dict[str, Floats]:
    """The stage's second product and its bias with so many structures."""
    second = stage.sublayer.second
    rows = _rows(order.kept(number), stage.sublayer.size)
    fitted, grown = refit(moments, second.matrix(), rows)
    matrix = np.zeros_like(second.matrix())
    matrix[rows] = fitted
    return {
        str(second.weight.name): matrix,
        stage.bias_name: (stage.stored_bias + grown).astype(np.float32),
    }


def apply(model: ir.Model, masks: Masks) -> None:
    """Give a graph the weights of a pruned network, in place; nothing is sliced yet."""
    shared = {str(value.name): value for value in model.graph.initializers.values() if len(value.uses()) > 1}
    for sublayer in find_sublayers(model) if shared else ():
        place = bias_of(sublayer.second)
        if place is not None and f"{sublayer.second.name}.bias" in masks:
            own_constant(model.graph, *place, f"{sublayer.second.name}.bias")
    for name, array in masks.items():
        model.graph.initializers[name].const_value = ir.tensor(array, name=name)


Fit = Callable[[Stage, Moments, int], tuple[Floats, Floats] | None]
"""(stage, moments, tokens of the texts) -> by how much its second product and bias change; None for no change."""


class _Walk:
    """The two runs through the same graph: whole, and changed."""

    def __init__(self, model: ir.Model, batches: Sequence[Batch]) -> None:
        self._runner, self._batches = Runner(model), batches
        self._stages = stages_of(find_sublayers(model))
        self._tokens = sum(int(batch.tokens.sum()) for batch in batches)

    def run(self, fit: Fit) -> None:
        """One stage after another."""
        start = self._runner.first(self._stages[0])
        whole = [start.run(batch)[0] for batch in self._batches]
        changed = list(whole)
        is_changed = False
        for stage in self._stages:
            part = self._runner.part(stage)
            seen = [part.run(batch, given) for batch, given in zip(self._batches, changed, strict=True)]
            wanted = seen
            if is_changed:
                wanted = [part.run(batch, given) for batch, given in zip(self._batches, whole, strict=True)]
            change = fit(stage, self._moments(seen, wanted), self._tokens)
            is_changed = is_changed or change is not None
            whole = [stage.normalised(summed) for _, summed in wanted]
            changed = [stage.normalised(_after(activation, summed, change)) for activation, summed in seen]

    def _moments(self, seen: Sequence[Sequence[Floats]], wanted: Sequence[Sequence[Floats]]) -> Moments:
        """Of one stage, padding left out."""
        rows = list(self._rows(seen, wanted))
        activation = np.concatenate([one for one, _ in rows])
        lacking = np.concatenate([other for _, other in rows])
        mean, shift = activation.mean(axis=0, dtype=np.float64), lacking.mean(axis=0, dtype=np.float64)
        centred = activation - mean.astype(np.float32)
        tokens = len(activation)
        return Moments(
            covariance=(centred.T @ centred).astype(np.float64) / tokens,
            mean=mean,
            cross=(centred.T @ lacking).astype(np.float64) / tokens,
            shift=shift,
            tokens=tokens,
        )

    def _rows(
        self, seen: Sequence[Sequence[Floats]], wanted: Sequence[Sequence[Floats]]
    ) -> Iterator[tuple[Floats, Floats]]:
        """Activations, and what the sum lacks, without padding."""
        for batch, (activation, summed), (_, whole) in zip(self._batches, seen, wanted, strict=True):
            flat = activation.reshape(-1, activation.shape[-1])
            kept = batch.kept(len(flat))
            lacking = (whole - summed).reshape(-1, whole.shape[-1])
            yield flat[kept], lacking[kept]


def _after(activation: Floats, summed: Floats, change: tuple[Floats, Floats] | None) -> Floats:
    """The sum before a normalisation, once the product has other weights."""
    if change is None:
        return summed
    weights, bias = change
    more: Floats = activation.reshape(-1, activation.shape[-1]) @ weights + bias
    return summed + more.reshape(summed.shape)


def _rows(groups: Indices, size: int) -> NDArray[np.intp]:
    """The rows of these groups."""
    rows: NDArray[np.intp] = (groups[:, np.newaxis] * size + np.arange(size)).reshape(-1)
    return rows
