"""Heads that read only the masked positions: the last layer and the vocabulary projection compute no other row."""

from __future__ import annotations

import torch
from torch import Tensor

from bert_export.rewrite.backbone import Backbone


class MaskedPositionsBackbone(Backbone):
    """Exact, as for the first token; where there is a pooler, the first token is computed too."""

    def rows(self, hidden: Tensor, positions: Tensor | None, /) -> Tensor:
        """The rows at `positions`, int64 of shape (batch, masks), after the first token if the pooler needs it."""
        places = self._read_at(positions)
        batch = torch.arange(hidden.shape[0], device=hidden.device)[:, None]
        return hidden[batch, places]

    def bias_rows(self, relative: Tensor, positions: Tensor | None, /) -> Tensor:
        """The same of a bias: (batch, heads, masks, sequence)."""
        return relative[0].permute(1, 0, 2)[self._read_at(positions)].permute(0, 2, 1, 3)

    def read(self, last: Tensor) -> Tensor:
        """The rows of the masked positions: (batch, masks, hidden)."""
        return last if self.pooler is None else last[:, 1:]

    def _read_at(self, positions: Tensor | None) -> Tensor:
        """int64 (batch, masks), with the first token before them if there is a pooler."""
        if positions is None:
            raise ValueError("this network was rewritten to read masked positions: pass `positions`")
        if self.pooler is None:
            return positions
        # Not zeros_like(positions[:, :1]): a text without masks has no first position.
        return torch.cat([positions.new_zeros((positions.shape[0], 1)), positions], dim=1)
