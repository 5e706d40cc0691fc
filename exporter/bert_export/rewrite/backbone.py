"""An encoder's forward pass written for tracing: the same weights and the same numbers, in a graph that fuses."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPooling

from bert_export.families import find_family
from bert_export.rewrite.embeddings import Embeddings
from bert_export.rewrite.layers import Heads, Layer
from bert_export.rewrite.relative_bias import RelativeBias


class Backbone(nn.Module):
    """Stands in for the base model of any head: attention is spelled out, and one mask serves every layer.

    Transformers picks its attention and mask code by configuration and version; a fusion that hangs on it is lost
    without a word when either changes. Weights have BERT's names in every family. A subclass may compute fewer rows of
    the last layer.
    """

    def __init__(self, base: PreTrainedModel) -> None:
        super().__init__()
        family, config = find_family(base.config.model_type), base.config
        number, width = (family.value(config, name) for name in ("num_attention_heads", "hidden_size"))
        heads, layers = Heads(number, width // number), cast(nn.ModuleList, base.get_submodule(family.layers))
        self.embeddings = Embeddings(base, family)
        self.projection = dict(base.named_children()).get(str(family.embeddings.projection))
        self.relative_bias = RelativeBias(base, family) if family.relative_bias else None
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(Layer(layer, family.layer, heads) for layer in layers)})
        self.pooler: nn.Module | None = getattr(base, "pooler", None)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        token_type_ids: Tensor | None = None,
        positions: Tensor | None = None,
        **_: object,  # what the heads of transformers also hand over: None for all that is not used here
    ) -> BaseModelOutputWithPooling:
        """All inputs are int64 of shape (batch, sequence), except `positions`: (batch, masks)."""
        hidden = self.embed(input_ids, token_type_ids)
        bias = mask_bias(attention_mask, hidden.dtype)
        *layers, last = cast(nn.ModuleList, self.encoder["layer"])
        if self.relative_bias is None:
            last_bias = bias
        else:
            relative = self.relative_bias(input_ids)
            bias, last_bias = bias + relative, bias + self.bias_rows(relative, positions)
        for layer in layers:
            hidden = layer(hidden, hidden, bias)
        hidden = last(self.rows(hidden, positions), hidden, last_bias)
        pooled = None if self.pooler is None else self.pooler(hidden)
        return BaseModelOutputWithPooling(last_hidden_state=self.read(hidden), pooler_output=pooled)

    def embed(self, input_ids: Tensor, token_type_ids: Tensor | None) -> Tensor:
        """float (batch, sequence, hidden)."""
        embedded = self.embeddings(input_ids, token_type_ids)
        return cast(Tensor, embedded if self.projection is None else self.projection(embedded))

    def rows(self, hidden: Tensor, _positions: Tensor | None, /) -> Tensor:
        """The rows of (batch, sequence, hidden) that the last layer computes: all of them."""
        return hidden

    def bias_rows(self, relative: Tensor, _positions: Tensor | None, /) -> Tensor:
        """Those of a bias (1, heads, sequence, sequence) that belong to `rows`."""
        return relative

    def read(self, last: Tensor) -> Tensor:
        """What the head gets of the rows that the last layer computed: all of them."""
        return last


def mask_bias(attention_mask: Tensor, dtype: torch.dtype) -> Tensor:
    """What is added to attention scores, (batch, 1, 1, sequence): 0 for a token, the lowest number for padding.

    The lowest number absorbs the score: a row that is all padding attends to everything alike, and never gives NaN.
    """
    lowest = torch.tensor(torch.finfo(dtype).min, dtype=dtype)
    return torch.where(attention_mask == 0, lowest, torch.tensor(0.0, dtype=dtype)).unsqueeze(1).unsqueeze(1)
