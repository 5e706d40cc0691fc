"""A head as the graph will compute it: the same answers with less work, and a forward pass with named tensors."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, cast

from torch import Tensor, nn
from transformers import BertLMHeadModel, PreTrainedModel

from bert_export.families import find_family
from bert_export.rewrite.activation import one_spelling
from bert_export.rewrite.backbone import Backbone
from bert_export.rewrite.decoder import Decoder, SourceReader
from bert_export.rewrite.first_token import FirstTokenBackbone
from bert_export.rewrite.masked_positions import MaskedPositionsBackbone
from bert_export.rewrite.pooling import SentenceEmbedding, dense_layers, outputs_of
from bert_export.rewrite.vocabulary import MaskedLanguageModel
from bert_runtime.tasks.task import HeadSettings, Reads, Task
from bert_runtime.tasks.tensors import TensorSpec, expand

BACKBONES: dict[Reads, type[Backbone]] = {
    Reads.ALL_TOKENS: Backbone,
    Reads.FIRST_TOKEN: FirstTokenBackbone,
    Reads.MASKED_POSITIONS: MaskedPositionsBackbone,
}


SHARED = {"batch": 18, "sources": 9}
"""What is traced where rows of a batch share sources: two of them each."""


class Traceable(nn.Module):
    """A network whose inputs and outputs are positional and named: what a graph is.

    Attributes:
        inputs, outputs: the tensors that `forward` takes and returns, in order.
        sizes: the size of each axis that belongs to the checkpoint, where an input has one; and the layers.
    """

    def __init__(
        self,
        network: nn.Module,
        inputs: tuple[TensorSpec, ...],
        outputs: tuple[TensorSpec, ...],
        sizes: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.inputs = inputs
        self.outputs = outputs
        self.sizes = dict(sizes or {})

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """int64 tensors in the order of `inputs`; returns those of `outputs`."""
        named = {spec.name: tensor for spec, tensor in zip(self.inputs, tensors, strict=True)}
        answer = self.network(**named)
        return tuple(getattr(answer, spec.name) for spec in self.outputs)


class CachedTraceable(Traceable):
    """A network with tensors for each layer, which only a mapping can name."""

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Tensors in the order of `inputs`, ids and masks int64, caches float; returns those of `outputs`."""
        answer = self.network({spec.name: tensor for spec, tensor in zip(self.inputs, tensors, strict=True)})
        return tuple(answer[spec.name] for spec in self.outputs)


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
    if task.is_autoregressive:
        return cached(cast(BertLMHeadModel, model), task, plain)
    family, kind = find_family(model.config.model_type), BACKBONES[Reads.ALL_TOKENS if plain else task.reads]

    def replacement(module: nn.Module) -> nn.Module | None:
        if type(module).__name__ == family.base_class:
            return kind(cast(PreTrainedModel, rebuilt(module, one_spelling)))
        return one_spelling(module)

    network = replacement(model)
    if network is not None and not plain:
        network = SentenceEmbedding(cast(Backbone, network), settings or HeadSettings(), dense_layers(model))
    elif network is None and task.reads is Reads.MASKED_POSITIONS and len(task.outputs) == 1:
        backbone = replacement(cast(nn.Module, getattr(model, family.attribute)))
        network = MaskedLanguageModel(model, cast(Backbone, backbone), family)
    network = network or rebuilt(model, replacement)
    return Traceable(network, family.inputs(task, plain), outputs_of(model, task, plain)).eval()


def cached(model: BertLMHeadModel, task: Task[Any, Any, Any], plain: bool) -> CachedTraceable:
    """The network of a task that goes from token to token with a cache."""
    config = model.config
    layers, heads = config.num_hidden_layers, config.num_attention_heads
    assert config.hidden_size is not None
    sizes = {"layers": layers, "heads": heads, "size": config.hidden_size // heads}
    if config.add_cross_attention:
        sizes |= SHARED
    network = Decoder(cast(BertLMHeadModel, rebuilt(model, one_spelling)), last_only=not plain)
    inputs = expand(task.inputs(plain, config.add_cross_attention), layers)
    return CachedTraceable(network, inputs, expand(task.graph_outputs(plain), layers), sizes).eval()


def source_reader(model: PreTrainedModel, task: Task[Any, Any, Any]) -> CachedTraceable | None:
    """The network that reads an encoder's states once for each text; None for a model that reads no encoder."""
    config, reading = model.config, task.cross_attention
    if reading is None or not getattr(config, "add_cross_attention", False):
        return None
    layers = config.num_hidden_layers
    inputs, outputs = expand(reading.cross_kv_inputs, layers), expand(reading.cross_kv_outputs, layers)
    sizes = {"layers": layers, "hidden": config.hidden_size, "sources": SHARED["sources"]}
    return CachedTraceable(SourceReader(cast(BertLMHeadModel, model)), inputs, outputs, sizes).eval()


def rebuilt(module: nn.Module, replacement: Callable[[nn.Module], nn.Module | None]) -> nn.Module:
    """A copy of the module tree that shares every parameter, with some of its parts replaced."""
    clone = copy.copy(module)
    parts = module._modules.items()
    clone._modules = {name: part and (replacement(part) or rebuilt(part, replacement)) for name, part in parts}
    return clone
