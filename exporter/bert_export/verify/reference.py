"""The oracle of the parity gate: the checkpoint's own class from transformers, untouched, in 32-bit floats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import BertModel, PreTrainedModel

from bert_export.rewrite.pooling import SentenceEmbedding
from bert_runtime.tasks.task import HeadSettings, IntArray, Task, TensorSpec


class Reference:
    """Torch's answer to the graph's inputs, with the graph's output names and axes.

    Attributes:
        types: how many token types the model has an embedding for.
    """

    def __init__(self, model: PreTrainedModel, task: Task[Any, Any, Any], settings: HeadSettings, plain: bool) -> None:
        """Wrap `model`, which is neither copied nor changed; sentence vectors are pooled as `settings` say."""
        self._network: torch.nn.Module = model
        if isinstance(model, BertModel) and not plain:
            self._network = SentenceEmbedding(model, settings)
        self._outputs: Sequence[TensorSpec] = task.graph_outputs(plain)
        self.types: int = model.config.type_vocab_size

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
