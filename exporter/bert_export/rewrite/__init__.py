"""A head as the graph will compute it: the same answers with less work, and a forward pass with named tensors."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, cast

from torch import Tensor, nn
from transformers import BertModel, PreTrainedModel

from bert_export.rewrite.activation import one_spelling
from bert_export.rewrite.backbone import Backbone
from bert_export.rewrite.first_token import FirstTokenBackbone
from bert_export.rewrite.masked_positions import MaskedPositionsBackbone
from bert_export.rewrite.pooling import SentenceEmbedding
from bert_runtime.tasks.task import HeadSettings, Reads, Task, TensorSpec

BACKBONES: dict[Reads, type[Backbone]] = {
    Reads.ALL_TOKENS: Backbone,
    Reads.FIRST_TOKEN: FirstTokenBackbone,
    Reads.MASKED_POSITIONS: MaskedPositionsBackbone,
}


class Traceable(nn.Module):
    """A network whose inputs and outputs are positional and named: what a graph is.

    Attributes:
        inputs, outputs: the tensors that `forward` takes and returns, in order.
    """

    def __init__(self, network: nn.Module, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]) -> None:
        super().__init__()
        self.network = network
        self.inputs = inputs
        self.outputs = outputs

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """int64 tensors in the order of `inputs`; returns those of `outputs`."""
        named = {spec.name: tensor for spec, tensor in zip(self.inputs, tensors, strict=True)}
        answer = self.network(**named)
        return tuple(getattr(answer, spec.name) for spec in self.outputs)


def rewrite(
    model: PreTrainedModel, task: Task[Any, Any, Any], plain: bool = False, settings: HeadSettings | None = None
) -> Traceable:
    """The network to trace for `task`; shares the model's weights and leaves the model as it was.

    Args:
        model: of the class that the task names, in evaluation mode.
        plain: keep exactly the inputs and outputs of the class in transformers.
        settings: how a text becomes one vector, for a task with pooling.

    Raises:
        OptionError: the settings ask for a pooling that this model cannot do.
    """
    kind = BACKBONES[Reads.ALL_TOKENS if plain else task.reads]

    def replacement(module: nn.Module) -> nn.Module | None:
        if isinstance(module, BertModel):
            return kind(cast(BertModel, rebuilt(module, one_spelling)))
        return one_spelling(module)

    network = replacement(model) or rebuilt(model, replacement)
    if isinstance(network, Backbone) and not plain:
        network = SentenceEmbedding(network, settings or HeadSettings())
    return Traceable(network, task.inputs(plain), task.graph_outputs(plain)).eval()


def rebuilt(module: nn.Module, replacement: Callable[[nn.Module], nn.Module | None]) -> nn.Module:
    """A copy of the module tree that shares every parameter, with some of its parts replaced."""
    clone = copy.copy(module)
    parts = module._modules.items()
    clone._modules = {name: part and (replacement(part) or rebuilt(part, replacement)) for name, part in parts}
    return clone
