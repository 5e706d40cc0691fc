"""A bias for the distance of two tokens, added to the scores of every layer alike, as in T5 (arXiv 1910.10683)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from bert_export.families.family import Family


class RelativeBias(nn.Module):
    """The biases for all distances that a model has positions for, in one table: buckets are looked up at export."""

    def __init__(self, base: PreTrainedModel, family: Family) -> None:
        super().__init__()
        assert family.relative_bias is not None
        own: Any = base.get_submodule(family.relative_bias)
        self.longest = family.longest(base.config)
        with torch.no_grad():
            distances = torch.arange(1 - self.longest, self.longest)
            biases = own.relative_attention_bias(own.relative_position_bucket(distances))
        self.table = nn.Parameter(biases, requires_grad=False)

    def forward(self, input_ids: Tensor) -> Tensor:
        """float (1, heads, sequence, sequence) for rows as long as those of (batch, sequence)."""
        places = torch.arange(input_ids.shape[1])
        distances = places.unsqueeze(0) - places.unsqueeze(1) + (self.longest - 1)
        return nn.functional.embedding(distances, self.table).permute(2, 0, 1).unsqueeze(0)
