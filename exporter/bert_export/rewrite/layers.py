"""One encoder layer of any family, its parts under BERT's names, so that all that comes after knows them alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from bert_export.families.family import LayerNames


@dataclass(frozen=True)
class Heads:
    """How attention divides a row: the number of heads, and the size of each."""

    number: int
    size: int


class Layer(nn.Module):
    """Attention, residual and norm; dense, activation, dense, residual and norm (Vaswani et al. 2017)."""

    def __init__(self, layer: nn.Module, names: LayerNames, heads: Heads) -> None:
        super().__init__()
        part = layer.get_submodule
        inner = nn.ModuleDict({"query": part(names.query), "key": part(names.key), "value": part(names.value)})
        joined = nn.ModuleDict({"dense": part(names.attention_output), "LayerNorm": part(names.attention_norm)})
        self.attention = nn.ModuleDict({"self": inner, "output": joined})
        self.intermediate = nn.ModuleDict({"dense": part(names.intermediate), "activation": part(names.activation)})
        self.output = nn.ModuleDict({"dense": part(names.output), "LayerNorm": part(names.norm)})
        self.heads = heads

    def forward(self, rows: Tensor, hidden: Tensor, bias: Tensor) -> Tensor:
        """float (batch, rows, hidden): the layer for the queries `rows`, which attend to all of `hidden`.

        Args:
            bias: what is added to attention scores, (batch, 1 or heads, 1 or rows, sequence).
        """
        inner, joined = (cast(nn.ModuleDict, self.attention[name]) for name in ("self", "output"))
        attended = joined["LayerNorm"](joined["dense"](attend(inner, self.heads, rows, hidden, bias)) + rows)
        wide = self.intermediate["activation"](self.intermediate["dense"](attended))
        return cast(Tensor, self.output["LayerNorm"](self.output["dense"](wide) + attended))


def attend(parts: nn.ModuleDict, heads: Heads, rows: Tensor, hidden: Tensor, bias: Tensor) -> Tensor:
    """Scaled dot-product attention (Vaswani et al. 2017, section 3.2) over the heads; (batch, rows, hidden).

    The scale is applied to the queries: it can then be folded into their weights.
    """
    shape = (heads.number, heads.size)
    query = (parts["query"](rows) * heads.size**-0.5).unflatten(-1, shape).permute(0, 2, 1, 3)
    key = parts["key"](hidden).unflatten(-1, shape).permute(0, 2, 3, 1)
    value = parts["value"](hidden).unflatten(-1, shape).permute(0, 2, 1, 3)
    weights = torch.softmax(query @ key + bias, dim=-1)
    attended: Tensor = weights @ value
    return attended.permute(0, 2, 1, 3).flatten(2)
