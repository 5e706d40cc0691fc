"""A masked language model of any family: the backbone, and its head's parts under BERT's names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from torch import Tensor, nn
from transformers import PreTrainedModel

from bert_export.families.family import Family
from bert_export.rewrite.activation import one_spelling
from bert_export.rewrite.backbone import Backbone


@dataclass(frozen=True)
class Predicted:
    """float (batch, rows, vocabulary), for the rows that the backbone reads."""

    logits: Tensor


class Predictions(nn.Module):
    """Dense, activation, norm, and the projection to the vocabulary (Devlin et al. 2018, section 3.1)."""

    def __init__(self, model: PreTrainedModel, family: Family) -> None:
        super().__init__()
        names = family.vocabulary
        activation = nn.GELU() if names.activation is None else model.get_submodule(names.activation)
        self.transform = nn.ModuleDict(
            {
                "dense": model.get_submodule(names.dense),
                "activation": one_spelling(activation) or activation,
                "LayerNorm": model.get_submodule(names.norm),
            }
        )
        self.decoder = model.get_submodule(names.projection)

    def forward(self, hidden: Tensor) -> Tensor:
        """float (batch, rows, vocabulary) for (batch, rows, hidden)."""
        for part in ("dense", "activation", "LayerNorm"):
            hidden = self.transform[part](hidden)
        return cast(Tensor, self.decoder(hidden))


class MaskedLanguageModel(nn.Module):
    """Takes the place of the class in transformers, some of which do not hand `positions` on to their encoder."""

    def __init__(self, model: PreTrainedModel, backbone: Backbone, family: Family) -> None:
        super().__init__()
        self.add_module(family.attribute, backbone)
        self.backbone = [backbone]  # no second name for its weights
        self.cls = nn.ModuleDict({"predictions": Predictions(model, family)})

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **others: Tensor) -> Predicted:
        """int64 (batch, sequence); `others` are token types and positions, where there are any."""
        hidden = self.backbone[0](input_ids, attention_mask=attention_mask, **others).last_hidden_state
        return Predicted(self.cls["predictions"](hidden))
