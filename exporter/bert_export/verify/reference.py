"""The oracle of the parity gate: the checkpoint's own class from transformers, untouched, in 32-bit floats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import BertModel, DynamicCache, PreTrainedModel

from bert_export.rewrite.pooling import SentenceEmbedding
from bert_runtime.tasks.task import HeadSettings, IntArray, Task, TensorSpec


class Reference:
    """Torch's answer to the graph's inputs, with the graph's output names and axes.

    Attributes:
        types: how many token types the model has an embedding for.
        layers: the number of its layers.
        cache_sizes: the size of the axes `heads` and `size` of a cache.
    """

    def __init__(self, model: PreTrainedModel, task: Task[Any, Any, Any], settings: HeadSettings, plain: bool) -> None:
        """Wrap `model`, which is neither copied nor changed; sentence vectors are pooled as `settings` say."""
        self._network: torch.nn.Module = model
        if isinstance(model, BertModel) and not plain:
            self._network = SentenceEmbedding(model, settings)
        self._outputs: Sequence[TensorSpec] = task.graph_outputs(plain)
        self.types: int = model.config.type_vocab_size
        self.layers: int = model.config.num_hidden_layers
        heads = model.config.num_attention_heads
        self.cache_sizes = {"heads": heads, "size": model.config.hidden_size // heads}

    @torch.inference_mode()
    def run(self, feeds: Mapping[str, IntArray]) -> dict[str, NDArray[np.float32]]:
        """The outputs for `feeds`; where `positions` is among them, the rows of these positions alone."""
        inputs = {name: torch.from_numpy(array) for name, array in feeds.items() if name != "positions"}
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
                `generate` counts them, without padding.
        """
        ids, mask = torch.from_numpy(feeds["input_ids"]), torch.from_numpy(feeds["attention_mask"])
        cache = DynamicCache()
        for layer in range(self.layers):
            if f"past_key_values.{layer}.key" in feeds:
                key, value = (feeds[f"past_key_values.{layer}.{part}"] for part in ("key", "value"))
                cache.update(torch.from_numpy(key), torch.from_numpy(value), layer)
        positions = (mask.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        answer = self._network(ids, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True)
        outputs = {"logits": answer.logits.float().numpy()}
        for layer, kept in enumerate(answer.past_key_values.layers):
            outputs |= {f"present.{layer}.key": kept.keys.numpy(), f"present.{layer}.value": kept.values.numpy()}
        return outputs
