"""A BERT of transformers without padding: the tokens of all rows in one long row, as FlashAttention's users run it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional
from transformers.modeling_outputs import BaseModelOutputWithPastAndCrossAttentions as Rows

Tensor = torch.Tensor


@dataclass(frozen=True)
class Places:
    """Where the tokens of a batch stand.

    Attributes:
        index: of each token in the batch's rows, one after another.
        cumulated: tokens before each row, and of all, int32 of (batch + 1,).
        longest: tokens of the longest row.
        lengths: tokens of each row.
    """

    index: Tensor
    cumulated: Tensor
    longest: int
    lengths: tuple[int, ...]

    @classmethod
    def of(cls, mask: Tensor) -> Places:
        """Of a right-padded mask, (batch, sequence)."""
        lengths = mask.sum(dim=1)
        cumulated = functional.pad(lengths.cumsum(0), (1, 0)).to(torch.int32)
        index = mask.reshape(-1).nonzero().reshape(-1)
        return cls(index, cumulated, int(lengths.max()), tuple(lengths.tolist()))


Attend = Callable[[Tensor, Tensor, Tensor, Places], Tensor]
"""Queries, keys and values (tokens, heads, size) to what each token sees in its row."""


def varlen(query: Tensor, key: Tensor, value: Tensor, places: Places) -> Tensor:
    """PyTorch's own attention for packed rows, on a GPU alone."""
    from torch.nn.attention.varlen import varlen_attn  # noqa: PLC0415 - not in every build

    ends, longest = places.cumulated, places.longest
    found = varlen_attn(query, key, value, ends, ends, longest, longest)
    assert isinstance(found, Tensor)
    return found


def row_by_row(query: Tensor, key: Tensor, value: Tensor, places: Places) -> Tensor:
    """The same on a CPU, which has no kernel for it: SDPA for each row."""
    lengths = list(places.lengths)
    parts = zip(*(torch.split(each, lengths) for each in (query, key, value)), strict=True)
    rows = [functional.scaled_dot_product_attention(*(one.transpose(0, 1) for one in part)) for part in parts]
    return torch.cat([row.transpose(0, 1) for row in rows])


class PackedEncoder(torch.nn.Module):
    """In the place of BertEncoder: packs the rows, runs its layers, and puts the rows back."""

    def __init__(self, encoder: Any, attend: Attend) -> None:
        """`encoder` is transformers' own."""
        super().__init__()
        self.layer, self._attend = encoder.layer, attend
        self.places: Places | None = None

    def forward(  # noqa: PLR0913, PLR0917 - the signature is transformers': caches and masks, which are not read
        self,
        hidden_states: Tensor,
        attention_mask: Any = None,
        encoder_hidden_states: Any = None,
        encoder_attention_mask: Any = None,
        past_key_values: Any = None,
        use_cache: Any = None,
        position_ids: Any = None,
        is_causal: Any = None,
    ) -> Rows:
        """The places of this batch are set before."""
        assert self.places is not None
        batch, sequence, width = hidden_states.shape
        flat = hidden_states.reshape(-1, width)
        tokens = flat.index_select(0, self.places.index)
        for layer in self.layer:
            tokens = self._layer(layer, tokens)
        whole = torch.zeros_like(flat).index_copy(0, self.places.index, tokens)
        return Rows(last_hidden_state=whole.reshape(batch, sequence, width))

    def _layer(self, layer: Any, tokens: Tensor) -> Tensor:
        own = layer.attention.self
        size = (len(tokens), own.num_attention_heads, own.attention_head_size)
        query, key, value = (part(tokens).reshape(size) for part in (own.query, own.key, own.value))
        assert self.places is not None
        seen = self._attend(query, key, value, self.places).reshape(tokens.shape)
        attended = layer.attention.output(seen, tokens)
        answer: Tensor = layer.output(layer.intermediate(attended), attended)
        return answer


def pack(model: Any, attend: Attend) -> PackedEncoder:
    """Give a model of transformers a packed encoder, which is returned for its `places`."""
    encoder = PackedEncoder(model.base_model.encoder, attend)
    model.base_model.encoder = encoder
    return encoder
