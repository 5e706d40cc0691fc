"""Heads that read only the first token: the last layer computes no other row."""

from __future__ import annotations

from torch import Tensor

from bert_export.rewrite.backbone import Backbone


class FirstTokenBackbone(Backbone):
    """Exact: rows of a layer depend on each other only through keys and values, which stay complete."""

    def rows(self, hidden: Tensor, _positions: Tensor | None, /) -> Tensor:
        """The first token of each text: (batch, 1, hidden)."""
        return hidden[:, :1]

    def bias_rows(self, relative: Tensor, _positions: Tensor | None, /) -> Tensor:
        """That of the first token: (1, heads, 1, sequence)."""
        return relative[:, :, :1]
