"""One vector for a text, made in the graph as sentence-transformers makes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPooling

from bert_export.errors import OptionError
from bert_export.families import find_family
from bert_export.families.family import DENSE_LAYERS
from bert_export.rewrite.backbone import Backbone
from bert_runtime.tasks.task import HeadSettings, Task
from bert_runtime.tasks.tensors import TensorSpec, with_own_width


@dataclass(frozen=True)
class Embedded:
    """The last hidden state, float (batch, sequence, hidden), and the vector of each text, float (batch, hidden)."""

    last_hidden_state: Tensor
    sentence_embedding: Tensor


def dense_layers(model: nn.Module) -> nn.Module | None:
    """Those that come after the pooling, if the checkpoint has any."""
    return dict(model.named_children()).get(DENSE_LAYERS)


def outputs_of(model: PreTrainedModel, task: Task[Any, Any, Any], plain: bool) -> tuple[TensorSpec, ...]:
    """The graph's outputs; see `Task.graph_outputs`. Dense layers may give vectors a width of their own."""
    outputs, dense = task.graph_outputs(plain), dense_layers(model)
    linear = [layer for layer in dense.children() if isinstance(layer, nn.Linear)] if dense is not None else []
    width = find_family(model.config.model_type).value(model.config, "hidden_size")
    return with_own_width(outputs) if linear and linear[-1].out_features != width else outputs


Pool = Callable[[BaseModelOutputWithPooling, Tensor], Tensor]


class SentenceEmbedding(nn.Module):
    """A backbone that also answers `sentence_embedding`, float of shape (batch, hidden).

    Raises:
        OptionError: on construction, for a pooling that is unknown, or that needs a pooler which the model lacks.
    """

    def __init__(
        self, backbone: Backbone | PreTrainedModel, settings: HeadSettings, dense: nn.Module | None = None
    ) -> None:
        super().__init__()
        if settings.pooling is None or settings.pooling not in POOLING:
            raise OptionError(f"pooling is {settings.pooling!r}, expected one of {', '.join(POOLING)}: pass --pooling")
        if settings.pooling == "pooler" and getattr(backbone, "pooler", None) is None:
            raise OptionError("pooling is 'pooler', but this checkpoint has no pooler: pass --pooling mean or cls")
        self.backbone = backbone
        self.dense = dense
        self.pool = POOLING[settings.pooling]
        self.normalize = bool(settings.normalize)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **types: Tensor) -> Embedded:
        """All inputs are int64 of shape (batch, sequence); `token_type_ids` where the model takes them."""
        output = self.backbone(input_ids, attention_mask=attention_mask, **types)
        vector = self.pool(output, attention_mask)
        if self.dense is not None:
            vector = self.dense(vector)
        if self.normalize:
            vector = nn.functional.normalize(vector, p=2.0, dim=1)
        return Embedded(output.last_hidden_state, vector)


def mean(output: BaseModelOutputWithPooling, attention_mask: Tensor) -> Tensor:
    """The mean of the token vectors that are no padding; zeros where all is padding."""
    tokens = output.last_hidden_state
    assert tokens is not None
    mask = attention_mask[:, :, None].to(tokens.dtype)
    return (tokens * mask).sum(dim=1) / torch.clamp(mask.sum(dim=1), min=1e-9)


def cls(output: BaseModelOutputWithPooling, _attention_mask: Tensor) -> Tensor:
    """The vector of the first token."""
    assert output.last_hidden_state is not None
    return output.last_hidden_state[:, 0]


def pooler(output: BaseModelOutputWithPooling, _attention_mask: Tensor) -> Tensor:
    """BERT's own pooler: a dense layer and tanh on the first token."""
    assert output.pooler_output is not None
    return output.pooler_output


def largest(output: BaseModelOutputWithPooling, attention_mask: Tensor) -> Tensor:
    """The largest value of each number over the tokens that are no padding."""
    tokens = output.last_hidden_state
    assert tokens is not None
    lowest = torch.tensor(-1e9, dtype=tokens.dtype)  # sentence-transformers' own
    return torch.where(attention_mask[:, :, None] == 0, lowest, tokens).amax(dim=1)


def last_token(output: BaseModelOutputWithPooling, attention_mask: Tensor) -> Tensor:
    """The vector of the last token that is no padding."""
    tokens = output.last_hidden_state
    assert tokens is not None
    places = torch.arange(attention_mask.shape[1]) * attention_mask
    weights = (places == places.amax(dim=1, keepdim=True)) & (attention_mask != 0)
    return (tokens * weights[:, :, None].to(tokens.dtype)).sum(dim=1)


def weighted_mean(output: BaseModelOutputWithPooling, attention_mask: Tensor) -> Tensor:
    """The mean of the token vectors, each weighted with its place from 1 on (Muennighoff 2022, "SGPT")."""
    tokens = output.last_hidden_state
    assert tokens is not None
    places = torch.arange(1, attention_mask.shape[1] + 1)
    weights = (attention_mask * places)[:, :, None].to(tokens.dtype)
    return (tokens * weights).sum(dim=1) / torch.clamp(weights.sum(dim=1), min=1e-9)


def mean_sqrt_length(output: BaseModelOutputWithPooling, attention_mask: Tensor) -> Tensor:
    """The sum of the token vectors that are no padding, divided by the root of their number."""
    tokens = output.last_hidden_state
    assert tokens is not None
    mask = attention_mask[:, :, None].to(tokens.dtype)
    return (tokens * mask).sum(dim=1) / torch.sqrt(torch.clamp(mask.sum(dim=1), min=1e-9))


POOLING: dict[str, Pool] = {
    "mean": mean,
    "cls": cls,
    "pooler": pooler,
    "max": largest,
    "lasttoken": last_token,
    "weightedmean": weighted_mean,
    "mean_sqrt_len_tokens": mean_sqrt_length,
}
