"""The oracle of the parity gate: the checkpoint's own class from transformers, untouched, in 32-bit floats.

Its inputs are the runtime's rows. The text gate has proven them equal to those of the checkpoint's own tokenizer, also
for the texts of the parity gate's examples: `bert_export.checkpoint.text_gate`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import DynamicCache, EncoderDecoderCache, PreTrainedModel

from bert_export.families import find_family
from bert_export.rewrite.pooling import SentenceEmbedding, dense_layers, outputs_of
from bert_runtime.tasks.task import HeadSettings, IntArray, Task
from bert_runtime.tasks.tensors import TYPES, TensorSpec

if TYPE_CHECKING:
    from bert_export.checkpoint import Checkpoint

REMEMBERED = 128 * 2**20
"""Bytes of answers that are kept: whole vocabularies of long rows are asked again instead."""


class Reference:
    """Torch's answer to the graph's inputs, with the graph's output names and axes.

    Attributes:
        types: how many token types the model has an embedding for.
        layers: the number of its layers.
        cache_sizes: the size of the axes `heads` and `size` of a cache.
        source_width: how many numbers of a token an encoder must say; None for a model that reads no encoder.
    """

    def __init__(self, model: PreTrainedModel, task: Task[Any, Any, Any], settings: HeadSettings, plain: bool) -> None:
        """Wrap `model`, which is neither copied nor changed; sentence vectors are pooled as `settings` say."""
        self._network: torch.nn.Module = model
        config, family = model.config, find_family(model.config.model_type)
        if type(model).__name__ == family.base_class and not plain:
            self._network = SentenceEmbedding(model, settings, dense_layers(model))
        self._outputs: Sequence[TensorSpec] = outputs_of(model, task, plain)
        self._unread = {"positions"} if family.embeddings.types else {"positions", TYPES}
        self.types: int = family.types(config)
        self.layers: int = family.value(config, "num_hidden_layers")
        heads, width = (family.value(config, name) for name in ("num_attention_heads", "hidden_size"))
        self.source_width: int | None = width if getattr(config, "add_cross_attention", False) else None
        self.cache_sizes = {"heads": heads, "size": width // heads}

    @torch.inference_mode()
    def run(self, feeds: Mapping[str, IntArray]) -> dict[str, NDArray[np.float32]]:
        """The outputs for `feeds`; where `positions` is among them, the rows of these positions alone."""
        inputs = {name: torch.from_numpy(array) for name, array in feeds.items() if name not in self._unread}
        answer = self._network(**inputs)
        outputs = {}
        for spec in self._outputs:
            tensor = getattr(answer, spec.name)
            if "masks" in spec.axes and "positions" in feeds:
                tensor = tensor[torch.arange(len(tensor))[:, None], torch.from_numpy(feeds["positions"])]
            outputs[spec.name] = tensor.float().numpy()
        return outputs

    @torch.inference_mode()
    def run_cached(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        """The outputs of a model with a cache, but logits of every position: (batch, sequence, vocabulary).

        Args:
            feeds: the graph's inputs; a past that is left out is empty. Positions are counted as transformers'
                `generate` counts them, without padding. For a model that reads an encoder, `encoder_hidden_states` and
                `encoder_attention_mask`, each row of which serves equally many rows of the batch; their keys and values
                are among the outputs, as `cross_key_values`.
        """
        ids, mask = torch.from_numpy(feeds["input_ids"]), torch.from_numpy(feeds["attention_mask"])
        kept: Any = EncoderDecoderCache(self._past(feeds), DynamicCache())
        cache = kept if self.source_width else kept.self_attention_cache
        positions = (mask.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        given = {"position_ids": positions, "past_key_values": cache, **self._source(feeds, len(ids))}
        answer = self._network(ids, attention_mask=mask, use_cache=True, **given)
        outputs = {"logits": answer.logits.float().numpy(), **_named("present", kept.self_attention_cache)}
        if self.source_width:
            shared = len(ids) // len(feeds["encoder_hidden_states"])
            cross = _named("cross_key_values", kept.cross_attention_cache)
            outputs |= {name: array[::shared] for name, array in cross.items()}
        return outputs

    def _past(self, feeds: Mapping[str, NDArray[Any]]) -> DynamicCache:
        cache = DynamicCache()
        for layer in range(self.layers):
            if f"past_key_values.{layer}.key" in feeds:
                key, value = (feeds[f"past_key_values.{layer}.{part}"] for part in ("key", "value"))
                cache.update(torch.from_numpy(key), torch.from_numpy(value), layer)
        return cache

    def _source(self, feeds: Mapping[str, NDArray[Any]], rows: int) -> dict[str, torch.Tensor]:
        """An encoder's states and mask, with a row for each row of the batch."""
        names = ("encoder_hidden_states", "encoder_attention_mask") if self.source_width else ()
        return {name: torch.from_numpy(feeds[name]).repeat_interleave(rows // len(feeds[name]), 0) for name in names}


class RememberingReference(Reference):
    """A Reference that is asked the same for one artefact after another, and runs torch once for each question."""

    def __init__(self, model: PreTrainedModel, task: Task[Any, Any, Any], settings: HeadSettings, plain: bool) -> None:
        """See Reference."""
        super().__init__(model, task, settings, plain)
        self._answers: dict[bytes, dict[str, NDArray[np.float32]]] = {}
        self._free = REMEMBERED

    @classmethod
    def of(cls, checkpoint: Checkpoint, plain: bool) -> Self:
        """The checkpoint's own."""
        return cls(checkpoint.model, checkpoint.task, checkpoint.settings, plain)

    def run(self, feeds: Mapping[str, IntArray]) -> dict[str, NDArray[np.float32]]:
        """See Reference; the arrays must not be written to."""
        asked = _digest(feeds)
        if asked in self._answers:
            return self._answers[asked]
        outputs = super().run(feeds)
        size = sum(array.nbytes for array in outputs.values())
        if size <= self._free:
            self._free -= size
            self._answers[asked] = outputs
            for array in outputs.values():
                array.setflags(write=False)
        return outputs


def _digest(feeds: Mapping[str, IntArray]) -> bytes:
    """A name for inputs that no others have."""
    digest = hashlib.sha256()
    for name, array in sorted(feeds.items()):
        digest.update(f"{name} {array.dtype} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.digest()


def _named(prefix: str, cache: Any) -> dict[str, NDArray[np.float32]]:
    """The keys and values of each layer."""
    outputs: dict[str, NDArray[np.float32]] = {}
    for layer, kept in enumerate(cache.layers):
        outputs |= {f"{prefix}.{layer}.key": kept.keys.numpy(), f"{prefix}.{layer}.value": kept.values.numpy()}
    return outputs
