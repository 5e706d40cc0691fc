"""BertModel's forward pass written for tracing: the same weights and the same numbers, in a graph that fuses."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from transformers import BertModel
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.models.bert.modeling_bert import BertLayer, BertPooler, BertSelfAttention


class Backbone(nn.Module):
    """Stands in for the `bert` of any head: attention is spelled out, and one mask serves every layer.

    Transformers picks its attention and mask code by configuration and version; a fusion that hangs on it is lost
    without a word when either changes. A subclass may compute fewer rows of the last layer.
    """

    def __init__(self, bert: BertModel) -> None:
        super().__init__()
        self.embeddings = bert.embeddings
        self.encoder = bert.encoder  # under its own name, so that weights keep the names of the checkpoint
        self.pooler: BertPooler | None = bert.pooler

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        token_type_ids: Tensor,
        positions: Tensor | None = None,
        **_: object,  # what the heads of transformers also hand over: None for all that is not used here
    ) -> BaseModelOutputWithPooling:
        """All inputs are int64 of shape (batch, sequence), except `positions`: (batch, masks)."""
        hidden = self.embed(input_ids, token_type_ids)
        bias = mask_bias(attention_mask, hidden.dtype)
        *layers, last = (cast(BertLayer, layer) for layer in self.encoder.layer)
        for layer in layers:
            hidden = run_layer(layer, hidden, hidden, bias)
        hidden = run_layer(last, self.rows(hidden, positions), hidden, bias)
        pooled = None if self.pooler is None else self.pooler(hidden)
        return BaseModelOutputWithPooling(last_hidden_state=self.read(hidden), pooler_output=pooled)

    def embed(self, input_ids: Tensor, token_type_ids: Tensor) -> Tensor:
        """float (batch, sequence, hidden); position i of a row is position i of the table, as in transformers."""
        tables = self.embeddings
        words = tables.word_embeddings(input_ids) + tables.token_type_embeddings(token_type_ids)
        return cast(Tensor, tables.LayerNorm(words + tables.position_embeddings.weight[: input_ids.shape[1]]))

    def rows(self, hidden: Tensor, _positions: Tensor | None, /) -> Tensor:
        """The rows of (batch, sequence, hidden) that the last layer computes: all of them."""
        return hidden

    def read(self, last: Tensor) -> Tensor:
        """What the head gets of the rows that the last layer computed: all of them."""
        return last


def mask_bias(attention_mask: Tensor, dtype: torch.dtype) -> Tensor:
    """What is added to attention scores, (batch, 1, 1, sequence): 0 for a token, the lowest number for padding.

    The lowest number absorbs the score: a row that is all padding attends to everything alike, and never gives NaN.
    """
    lowest = torch.tensor(torch.finfo(dtype).min, dtype=dtype)
    return torch.where(attention_mask == 0, lowest, torch.tensor(0.0, dtype=dtype)).unsqueeze(1).unsqueeze(1)


def run_layer(layer: BertLayer, rows: Tensor, hidden: Tensor, bias: Tensor) -> Tensor:
    """One encoder layer for the queries `rows` (batch, rows, hidden), which attend to all of `hidden`."""
    attended = layer.attention.output(attend(cast(BertSelfAttention, layer.attention.self), rows, hidden, bias), rows)
    return cast(Tensor, layer.output(layer.intermediate(attended), attended))


def attend(attention: BertSelfAttention, rows: Tensor, hidden: Tensor, bias: Tensor) -> Tensor:
    """Scaled dot-product attention (Vaswani et al. 2017, section 3.2) over the heads; (batch, rows, hidden).

    The scale is applied to the queries: it can then be folded into their weights.
    """
    heads = (attention.num_attention_heads, attention.attention_head_size)
    query = (attention.query(rows) * attention.scaling).unflatten(-1, heads).permute(0, 2, 1, 3)
    key = attention.key(hidden).unflatten(-1, heads).permute(0, 2, 3, 1)
    value = attention.value(hidden).unflatten(-1, heads).permute(0, 2, 1, 3)
    weights = torch.softmax(query @ key + bias, dim=-1)
    attended: Tensor = weights @ value
    return attended.permute(0, 2, 1, 3).flatten(2)
