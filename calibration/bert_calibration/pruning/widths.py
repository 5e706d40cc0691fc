"""What is left of each layer: attention heads and feed-forward neurons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

MULTIPLE = 16
"""Neurons are removed in blocks of so many: the width of a register that engines fill with 32-bit sums."""


class Kind(Enum):
    """A sub-layer of BERT, and what it is made of."""

    ATTENTION = "heads"
    FEED_FORWARD = "neurons"


@dataclass(frozen=True)
class LayerWidths:
    """One layer: how many heads and neurons it computes, of how many that the architecture has."""

    layer: int
    heads: int
    of_heads: int
    neurons: int
    of_neurons: int

    @property
    def is_whole(self) -> bool:
        """Whether nothing was removed."""
        return self.heads == self.of_heads and self.neurons == self.of_neurons

    def __str__(self) -> str:
        return f"layer {self.layer}: {self.heads} of {self.of_heads} heads, {self.neurons} of {self.of_neurons} neurons"


def to_json(layers: Sequence[LayerWidths]) -> list[dict[str, int]]:
    """For a manifest."""
    return [asdict(each) for each in layers]


def from_json(records: Sequence[Mapping[str, Any]]) -> tuple[LayerWidths, ...]:
    """What `to_json` gave."""
    return tuple(LayerWidths(**each) for each in records)
