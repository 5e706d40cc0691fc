"""One vector for a text, made in the graph as sentence-transformers makes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import BertModel
from transformers.modeling_outputs import BaseModelOutputWithPooling

from bert_export.errors import OptionError
from bert_export.rewrite.backbone import Backbone
from bert_runtime.tasks.task import HeadSettings


@dataclass(frozen=True)
class Embedded:
    """The last hidden state, float (batch, sequence, hidden), and the vector of each text, float (batch, hidden)."""

    last_hidden_state: Tensor
    sentence_embedding: Tensor


Pool = Callable[[BaseModelOutputWithPooling, Tensor], Tensor]


class SentenceEmbedding(nn.Module):
    """A backbone that also answers `sentence_embedding`, float of shape (batch, hidden).

    Raises:
        OptionError: on construction, for a pooling that is unknown, or that needs a pooler which the model lacks.
    """

    def __init__(self, backbone: Backbone | BertModel, settings: HeadSettings) -> None:
        super().__init__()
        if settings.pooling is None or settings.pooling not in POOLING:
            raise OptionError(f"pooling is {settings.pooling!r}, expected one of {', '.join(POOLING)}: pass --pooling")
        if settings.pooling == "pooler" and backbone.pooler is None:
            raise OptionError("pooling is 'pooler', but this checkpoint has no pooler: pass --pooling mean or cls")
        self.backbone = backbone
        self.pool = POOLING[settings.pooling]
        self.normalize = bool(settings.normalize)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Embedded:
        """All inputs are int64 of shape (batch, sequence)."""
        output = self.backbone(input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)
        vector = self.pool(output, attention_mask)
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


POOLING: dict[str, Pool] = {"mean": mean, "cls": cls, "pooler": pooler}
