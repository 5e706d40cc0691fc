"""BertLMHeadModel written for tracing: one graph reads a prompt and every token after it, and keeps a cache.

Exact: a token's keys and values depend on nothing that comes after it, so they are computed once and handed from run to
run. Only what the next token is chosen from, the last position, gets a query in the last layer and a row of logits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from transformers import BertLMHeadModel, BertModel
from transformers.models.bert.modeling_bert import (
    BertAttention,
    BertCrossAttention,
    BertEmbeddings,
    BertLayer,
    BertSelfAttention,
)

from bert_export.rewrite.backbone import mask_bias


@dataclass(frozen=True)
class KeyValue:
    """What a layer remembers of tokens: float (batch, heads, tokens, size) each."""

    key: Tensor
    value: Tensor


@dataclass(frozen=True)
class Source:
    """What a decoder reads of an encoder, for `sources` texts, each of which serves equally many rows of the batch.

    Attributes:
        layers: the keys and values of each layer, float (sources, heads, source, size).
        bias: what is added to attention scores, float (sources, 1, 1, source).
    """

    layers: Sequence[KeyValue]
    bias: Tensor

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], layers: int) -> Source:
        """Those among the graph's inputs."""
        names = [(f"cross_key_values.{i}.key", f"cross_key_values.{i}.value") for i in range(layers)]
        kept = [KeyValue(tensors[key], tensors[value]) for key, value in names]
        return cls(kept, mask_bias(tensors["encoder_attention_mask"], kept[0].key.dtype))


class DecoderEmbeddings(nn.Module):
    """The sum of words and positions; the type, always 0 here, is part of the positions."""

    def __init__(self, embeddings: BertEmbeddings) -> None:
        super().__init__()
        self.word_embeddings = embeddings.word_embeddings
        self.LayerNorm = embeddings.LayerNorm
        with torch.no_grad():
            table = embeddings.position_embeddings.weight + embeddings.token_type_embeddings.weight[0]
        self.positions = nn.Parameter(table, requires_grad=False)

    def forward(self, input_ids: Tensor, position_ids: Tensor) -> Tensor:
        """float (batch, sequence, hidden)."""
        words = self.word_embeddings(input_ids)
        return cast(Tensor, self.LayerNorm(words + nn.functional.embedding(position_ids, self.positions)))


class DecoderBackbone(nn.Module):
    """Stands in for the `bert` of a decoder."""

    def __init__(self, bert: BertModel, last_only: bool) -> None:
        super().__init__()
        self.embeddings = DecoderEmbeddings(bert.embeddings)
        self.encoder = bert.encoder  # under its own name, so that weights keep the names of the checkpoint
        self.last_only = last_only

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, past: Sequence[KeyValue], source: Source | None = None
    ) -> tuple[Tensor, list[KeyValue]]:
        """The rows that the head reads, float (batch, rows, hidden), and the cache with the new tokens in it.

        Args:
            input_ids: int64 (batch, sequence), the new tokens.
            attention_mask: int64 (batch, total), of the tokens in the cache and the new ones.
            past: the cache of each layer.
            source: what every layer attends to besides; None where the decoder reads no encoder.
        """
        hidden = self.embeddings(input_ids, position_ids(attention_mask, input_ids.shape[1]))
        bias = causal_bias(attention_mask, input_ids.shape[1], hidden.dtype)
        present = list[KeyValue]()
        layers = [cast(BertLayer, layer) for layer in self.encoder.layer]
        for layer, before in zip(layers, past, strict=True):
            rows = hidden
            if self.last_only and layer is layers[-1]:
                rows, bias = hidden[:, -1:], bias[:, :, -1:]
            attention = cast(BertSelfAttention, layer.attention.self)
            cache = extended(attention, hidden, before)
            attended = layer.attention.output(attend(attention, rows, cache, bias), rows)
            if source is not None:
                attended = attended_to_source(layer.crossattention, attended, source, len(present))
            hidden = layer.output(layer.intermediate(attended), attended)
            present.append(cache)
        return hidden, present


class Decoder(nn.Module):
    """A decoder with a vocabulary head, over tensors that are named as in the ecosystem."""

    def __init__(self, model: BertLMHeadModel, last_only: bool) -> None:
        super().__init__()
        self.bert = DecoderBackbone(model.bert, last_only)
        self.cls = model.cls
        self.last_only = last_only
        self.layers = len(model.bert.encoder.layer)
        self.reads_source = bool(model.config.add_cross_attention)

    def forward(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`logits` (batch, sequence, vocabulary), of the last position alone (batch, vocabulary), and `present.…`."""
        names = [(f"past_key_values.{i}.key", f"past_key_values.{i}.value") for i in range(self.layers)]
        past = [KeyValue(tensors[key], tensors[value]) for key, value in names]
        source = Source.from_tensors(tensors, self.layers) if self.reads_source else None
        rows, present = self.bert(tensors["input_ids"], tensors["attention_mask"], past, source)
        # One row stays a batch of rows up to here: as a matrix of two axes the head becomes Gemm, which is slower.
        logits = self.cls(rows)
        answer = {"logits": logits[:, 0] if self.last_only else logits}
        for i, cache in enumerate(present):
            answer |= {f"present.{i}.key": cache.key, f"present.{i}.value": cache.value}
        return answer


class SourceReader(nn.Module):
    """What a decoder keeps of an encoder's states: keys and values for every layer, which no token changes."""

    def __init__(self, model: BertLMHeadModel) -> None:
        super().__init__()
        self.bert = model.bert  # under its own name, so that weights keep the names of the checkpoint

    def forward(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`cross_key_values.…` (sources, heads, source, size) of `encoder_hidden_states` (sources, source, hidden)."""
        hidden, answer = tensors["encoder_hidden_states"], {}
        for i, layer in enumerate(self.bert.encoder.layer):
            attention = cast(BertCrossAttention, cast(BertLayer, layer).crossattention.self)
            answer[f"cross_key_values.{i}.key"] = split(attention, attention.key(hidden))
            answer[f"cross_key_values.{i}.value"] = split(attention, attention.value(hidden))
        return answer


def position_ids(attention_mask: Tensor, sequence: int) -> Tensor:
    """int64 (batch, sequence): how many tokens come before each of the last `sequence`, so padding shifts nothing."""
    before = (attention_mask.cumsum(1) - 1).clamp(min=0)
    return before[:, attention_mask.shape[1] - sequence :]


def causal_bias(attention_mask: Tensor, sequence: int, dtype: torch.dtype) -> Tensor:
    """What is added to attention scores, (batch, 1, sequence, total): 0 for a token up to the query's own place.

    Everything else gets the lowest number, which absorbs the score: a row that may attend to nothing, the padding on
    the left, attends to everything alike and never gives NaN.
    """
    columns = torch.arange(attention_mask.shape[1])
    earlier = columns <= columns[attention_mask.shape[1] - sequence :, None]
    allowed = earlier & (attention_mask != 0)[:, None, None]
    lowest = torch.tensor(torch.finfo(dtype).min, dtype=dtype)
    return torch.where(allowed, torch.tensor(0.0, dtype=dtype), lowest)


def extended(attention: BertSelfAttention, hidden: Tensor, past: KeyValue) -> KeyValue:
    """The cache of a layer, and after it the keys and values of new tokens (batch, sequence, hidden)."""
    key = torch.cat([past.key, split(attention, attention.key(hidden))], dim=2)
    return KeyValue(key, torch.cat([past.value, split(attention, attention.value(hidden))], dim=2))


def attend(attention: BertSelfAttention, rows: Tensor, cache: KeyValue, bias: Tensor) -> Tensor:
    """Scaled dot-product attention (Vaswani et al. 2017, section 3.2) of `rows` to a cache; (batch, rows, hidden)."""
    query = split(attention, attention.query(rows) * attention.scaling)
    weights = torch.softmax(query @ cache.key.transpose(2, 3) + bias, dim=-1)
    attended: Tensor = weights @ cache.value
    return attended.permute(0, 2, 1, 3).flatten(2)


def attended_to_source(layer: BertAttention, rows: Tensor, source: Source, index: int) -> Tensor:
    """`rows` (batch, rows, hidden) after the cross-attention of the layer with that `index`.

    The rows that share a source stand one after another: as the queries of one row, they read its keys where they lie,
    however many they are.
    """
    attention, kept = cast(BertCrossAttention, layer.self), source.layers[index]
    query = attention.query(rows) * attention.scaling
    heads = (attention.num_attention_heads, attention.attention_head_size)
    query = query.reshape(source.bias.shape[0], -1, *heads).permute(0, 2, 1, 3)
    weights = torch.softmax(query @ kept.key.transpose(2, 3) + source.bias, dim=-1)
    attended: Tensor = (weights @ kept.value).permute(0, 2, 1, 3).reshape(rows.shape)
    return cast(Tensor, layer.output(attended, rows))


def split(attention: BertSelfAttention | BertCrossAttention, projected: Tensor) -> Tensor:
    """(batch, tokens, hidden) to (batch, heads, tokens, size)."""
    heads = (attention.num_attention_heads, attention.attention_head_size)
    heads_apart: Tensor = projected.unflatten(-1, heads)  # type: ignore[no-untyped-call]
    return heads_apart.permute(0, 2, 1, 3)
