"""The embeddings of any family, written for tracing: tables under BERT's names, and how tokens are numbered."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from bert_export.families.family import Family, Positions


class Embeddings(nn.Module):
    """Words, types and positions, added and normalised. What every token gets alike is part of the positions."""

    def __init__(self, base: PreTrainedModel, family: Family) -> None:
        super().__init__()
        names = family.embeddings
        self.word_embeddings = base.get_submodule(names.words)
        self.token_type_embeddings = base.get_submodule(names.types) if names.types else None
        self.position_embeddings = _with_first_rows(base, family)
        self.LayerNorm = base.get_submodule(names.norm)
        self.after_padding = family.positions is Positions.AFTER_PADDING
        self.padding = family.position_offset(base.config) - 1

    def forward(self, input_ids: Tensor, token_type_ids: Tensor | None) -> Tensor:
        """float (batch, sequence, width) for int64 (batch, sequence)."""
        words: Tensor = self.word_embeddings(input_ids)
        if self.token_type_embeddings is not None:
            assert token_type_ids is not None
            words = words + self.token_type_embeddings(token_type_ids)
        return cast(Tensor, self.LayerNorm(words + self.positions(input_ids)))

    def positions(self, input_ids: Tensor) -> Tensor:
        """The rows of the position table, (sequence, width) or (batch, sequence, width).

        After padding: as `create_position_ids_from_input_ids` of transformers' RoBERTa numbers them.
        """
        if not self.after_padding:
            return self.position_embeddings.weight[: input_ids.shape[1]]
        is_token = (input_ids != self.padding).to(torch.int64)
        return cast(Tensor, self.position_embeddings(torch.cumsum(is_token, dim=1) * is_token + self.padding))


def _with_first_rows(base: PreTrainedModel, family: Family) -> nn.Embedding:
    """The position table, to each row of which the first rows of other tables are added."""
    table = cast(nn.Embedding, base.get_submodule(family.embeddings.positions))
    present = dict(base.named_modules())
    others = [cast(nn.Embedding, present[name]) for name in family.embeddings.first_rows if name in present]
    if not others:
        return table
    with torch.no_grad():
        rows = table.weight + sum(other.weight[0] for other in others)
    return nn.Embedding(rows.shape[0], rows.shape[1], _weight=rows)
