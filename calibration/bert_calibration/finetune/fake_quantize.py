"""A network that rounds as its int8 artefact will, yet can be trained: straight-through estimators, learned ranges.

Activations: 8 bits without sign, one static range for a tensor. Its two ends are learned with the weights (Esser et
al., "Learned step size quantization", 2020; with a zero point, Bhalgat et al., "LSQ+", 2020). Weights: 8 bits with sign, one
scale for each output, always that of the largest weight.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

STEPS = 255
LIMIT = 127
LEAST = 1e-8
"""The least width of a range: one of nothing but zeros has a scale all the same."""


def rounded(values: Tensor) -> Tensor:
    """The nearest integers; the gradient passes as if nothing had been rounded (Bengio et al. 2013)."""
    return values + (values.round() - values).detach()


def fake_weight(weight: Tensor) -> Tensor:
    """(outputs, inputs) after its way to int8 and back, with one scale for each output."""
    scales = weight.detach().abs().amax(dim=1, keepdim=True).clamp(min=LEAST) / LIMIT
    return rounded(weight / scales).clamp(-LIMIT, LIMIT) * scales


class ActivationRange(nn.Module):
    """What 256 integers stand for in one activation; observes until it is told to round."""

    def __init__(self) -> None:
        """Nothing was seen yet."""
        super().__init__()
        self.low = nn.Parameter(torch.zeros(()))
        self.high = nn.Parameter(torch.zeros(()))
        self.observing = True

    def forward(self, values: Tensor, real: Tensor | None = None) -> Tensor:
        """`values` of (..., channels), rounded; while observing, as they are.

        `real` is bool of `values.shape[:-1]`: which rows are no padding, and so may widen the range.
        """
        if not self.observing:
            return self._fake(values)
        seen = values.detach() if real is None else values.detach()[real]
        with torch.no_grad():
            self.low.copy_(torch.minimum(self.low, seen.min()))
            self.high.copy_(torch.maximum(self.high, seen.max()))
        return values

    def _fake(self, values: Tensor) -> Tensor:
        # LSQ: each end gets a gradient from every value, so that it would move far too fast without this factor.
        share = 1 / math.sqrt(values.numel() * STEPS)
        low, high = (_slowed(end, share) for end in (self.low.clamp(max=0), self.high.clamp(min=0)))
        scale = (high - low).clamp(min=LEAST) / STEPS
        zero = rounded(-low / scale)
        return ((rounded(values / scale) + zero).clamp(0, STEPS) - zero) * scale


def _slowed(end: Tensor, share: float) -> Tensor:
    """The same value with its gradient times `share`."""
    return (end - end * share).detach() + end * share


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
            self.activation(hidden, self.real)
            return nn.functional.linear(hidden, self.linear.weight, self.linear.bias)
        return nn.functional.linear(self.activation(hidden), fake_weight(self.linear.weight), self.linear.bias)


SITES: Mapping[str, tuple[str, ...]] = {
    "attention.self": ("attention.self.query", "attention.self.key", "attention.self.value"),
    "attention.output.dense": ("attention.output.dense",),
    "intermediate.dense": ("intermediate.dense",),
    "output.dense": ("output.dense",),
}
"""Activation -> the linear layers of a BERT layer that read it: one rounding serves all of them."""


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
        return {name: (min(float(r.low), 0.0), max(float(r.high), 0.0)) for name, r in self.ranges.items()}

    def remove(self) -> None:
        """Put the linear layers back, with the weights that were learned."""
        for name, layer in self.layers.items():
            self.model.set_submodule(name, layer.linear)


def insert(model: nn.Module) -> FakeQuantization:
    """Put rounding in front of every linear layer of the encoder's layers; it observes at first.

    Raises:
        ValueError: the model has no such layers.
    """
    ranges: dict[str, ActivationRange] = {}
    layers: dict[str, FakeQuantizedLinear] = {}
    for place, module in list(model.named_modules()):
        if place.rpartition(".")[0].endswith("encoder.layer"):
            for site, names in SITES.items():
                activation = ranges[f"{place}.{site}"] = ActivationRange()
                for name in names:
                    linear = module.get_submodule(name)
                    assert isinstance(linear, nn.Linear)
                    layers[f"{place}.{name}"] = FakeQuantizedLinear(linear, activation)
    if not layers:
        raise ValueError(f"{type(model).__name__} has no encoder.layer.N, expected a BERT of transformers")
    for name, layer in layers.items():
        model.set_submodule(name, layer)
    return FakeQuantization(model, ranges, layers)
