"""A network that rounds as its int8 artefact will, yet can be trained: straight-through estimators, learned ranges.

Activations: 8 bits without sign, one static range for a tensor, its two ends learned with the weights (Esser et al.,
"Learned step size quantization", 2020; with a zero point, Bhalgat et al., "LSQ+", 2020). Weights: 8 bits with sign, one
scale for each output, always that of the largest weight.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bert_calibration.errors import CalibrationError

STEPS = 255
LIMIT = 127
LEAST = 1e-8
"""The least magnitude of an end: a range of zeros alone still has a scale."""


def rounded(values: Tensor) -> Tensor:
    """The nearest integers; the gradient passes as if nothing had been rounded (Bengio et al. 2013)."""
    return values + (values.round() - values).detach()


def fake_weight(weight: Tensor) -> Tensor:
    """(outputs, inputs) after its way to int8 and back, with one scale for each output."""
    scales = weight.detach().abs().amax(dim=1, keepdim=True).clamp(min=LEAST) / LIMIT
    fake: Tensor = rounded(weight / scales).clamp(-LIMIT, LIMIT) * scales
    return fake


class ActivationRange(nn.Module):
    """What 256 integers stand for in one activation: observes at first, then rounds.

    The ends are learned as logarithms of their magnitudes, so that one learning rate suits ranges of every size.
    """

    seen: Tensor

    def __init__(self) -> None:
        """Nothing was seen yet."""
        super().__init__()
        self.register_buffer("seen", torch.zeros(2), persistent=False)
        self.logarithms = nn.Parameter(torch.full((2,), math.log(LEAST)))
        self.observing = True

    def observe(self, values: Tensor, real: Tensor | None) -> None:
        """Widen the range to cover `values` of (..., channels); `real`, bool of (...), says which are no padding."""
        kept = values.detach() if real is None else values.detach()[real]
        ends = torch.stack([-kept.min(), kept.max()])
        with torch.no_grad():
            self.seen.copy_(torch.maximum(self.seen, ends))
            self.logarithms.copy_(self.seen.clamp(min=LEAST).log())

    def ends(self) -> tuple[float, float]:
        """(low, high), low <= 0 <= high."""
        below, above = self.logarithms.detach().exp().tolist()
        return -below, above

    def forward(self, values: Tensor) -> Tensor:
        """`values` of any shape after their way to integers and back."""
        # LSQ: each end gets a gradient from every value; without this factor they would drown those of the weights.
        below, above = _slowed(self.logarithms, 1 / math.sqrt(values.numel() * STEPS)).exp()
        scale = (below + above) / STEPS
        zero = rounded(below / scale)
        fake: Tensor = ((rounded(values / scale) + zero).clamp(0, STEPS) - zero) * scale
        return fake


def _slowed(value: Tensor, share: float) -> Tensor:
    """The same value with its gradient times `share`."""
    return (value - value * share).detach() + value * share


class FakeQuantizedLinear(nn.Module):
    """A linear layer with its weights and its input rounded; shares both with the layer that it stands for."""

    def __init__(self, linear: nn.Linear, activation: ActivationRange) -> None:
        """Stand for `linear`."""
        super().__init__()
        self.linear = linear
        self.activation = activation
        self.real: Tensor | None = None

    def forward(self, hidden: Tensor) -> Tensor:
        """`hidden` of (..., inputs) to (..., outputs)."""
        if self.activation.observing:
            self.activation.observe(hidden, self.real)
            return nn.functional.linear(hidden, self.linear.weight, self.linear.bias)
        return nn.functional.linear(self.activation(hidden), fake_weight(self.linear.weight), self.linear.bias)


SITES: Mapping[str, tuple[str, ...]] = {
    "attention.self": ("attention.self.query", "attention.self.key", "attention.self.value"),
    "attention.output.dense": ("attention.output.dense",),
    "intermediate.dense": ("intermediate.dense",),
    "output.dense": ("output.dense",),
}
"""Activation -> the linear layers of a BERT layer that read it: one rounding serves all of them."""

VOCABULARY = ("cls.predictions.transform.dense", "cls.predictions.decoder")
"""The linear layers of a head that predicts words, each with an activation of its own."""


@dataclass(frozen=True)
class FakeQuantization:
    """The rounding of one network.

    Attributes:
        ranges: the activation's name, as in a file of ranges -> its range.
        layers: the linear layers' names -> what stands for them.
    """

    model: nn.Module
    ranges: Mapping[str, ActivationRange]
    layers: Mapping[str, FakeQuantizedLinear]

    def show_padding(self, mask: Tensor | None) -> None:
        """Which tokens of the next batch count while observing: int64 of (..., sequence), 0 for padding."""
        real = None if mask is None else mask.reshape(-1, mask.shape[-1]).bool()
        for layer in self.layers.values():
            layer.real = real

    def round(self, on: bool) -> None:
        """Round from now on, or only observe."""
        for each in self.ranges.values():
            each.observing = not on

    def learned(self) -> dict[str, tuple[float, float]]:
        """Activation -> (low, high), low <= 0 <= high."""
        return {name: each.ends() for name, each in self.ranges.items()}

    def remove(self) -> None:
        """Put the linear layers back, with the weights that were learned."""
        for name, layer in self.layers.items():
            self.model.set_submodule(name, layer.linear)


def insert(model: nn.Module) -> FakeQuantization:
    """Put rounding in front of every linear layer that an int8 artefact rounds; it observes at first.

    Raises:
        CalibrationError: the model has no layers of a BERT.
    """
    ranges: dict[str, ActivationRange] = {}
    layers: dict[str, FakeQuantizedLinear] = {}
    for point, names in _readers(model).items():
        ranges[point] = ActivationRange()
        for name in names:
            linear = model.get_submodule(name)
            assert isinstance(linear, nn.Linear)
            layers[name] = FakeQuantizedLinear(linear, ranges[point])
    for name, layer in layers.items():
        model.set_submodule(name, layer)
    return FakeQuantization(model, ranges, layers)


def _readers(model: nn.Module) -> dict[str, list[str]]:
    """Activation -> the names of the linear layers that read it."""
    modules = dict(model.named_modules())
    places = [name for name in modules if name.rpartition(".")[0].endswith("encoder.layer")]
    if not places:
        raise CalibrationError(f"{type(model).__name__} has no encoder.layer.N, expected a BERT of transformers")
    found: dict[str, list[str]] = {}
    for place in places:
        found |= {f"{place}.{point}": [f"{place}.{name}" for name in names] for point, names in SITES.items()}
    return found | {name: [name] for name in VOCABULARY if name in modules}
