"""CTranslate2: its encoder, in an environment of its own.

It has no heads: the last linear layer is NumPy's, from the checkpoint. The classifier reads CTranslate2's pooled
output; fill-mask, whose head is a tenth of the network, would not be its work and is left out.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.environments import CTRANSLATE2
from benchmarks.peers.peer import Run, Stall
from benchmarks.workload import Feeds

HEADS = {"text-classification": "classifier", "question-answering": "qa_outputs"}
"""Task -> the last layer's name in the checkpoint."""


@dataclass(frozen=True)
class CTranslate2:
    """The encoder with weights of `compute`, a compute type in CTranslate2's words."""

    name: str = "CTranslate2, int8"
    compute: str = "int8"

    @property
    def version(self) -> str:
        """See Peer."""
        return CTRANSLATE2.version

    def build(self, stall: Stall) -> None:
        """See Peer."""
        converters: Any = importlib.import_module("ctranslate2.converters")
        converter = converters.TransformersConverter(str(stall.checkpoint))
        converter.convert(str(stall.folder / "model"), quantization=self.compute)
        weights: Any = importlib.import_module("safetensors.numpy").load_file(stall.checkpoint / "model.safetensors")
        head = HEADS[stall.model.task]
        np.savez(stall.folder / "head.npz", weight=weights[f"{head}.weight"], bias=weights[f"{head}.bias"])

    def load(self, stall: Stall, threads: int) -> Run:
        """See Peer."""
        ctranslate2: Any = importlib.import_module("ctranslate2")
        path, settings = str(stall.folder / "model"), {"inter_threads": 1, "intra_threads": threads}
        encoder = ctranslate2.Encoder(path, device="cpu", compute_type=self.compute, **settings)
        with np.load(stall.folder / "head.npz") as head:
            weight, bias = head["weight"].T.copy(), head["bias"]
        is_pooled = stall.model.task == "text-classification"

        def run(feeds: Feeds) -> list[NDArray[np.float32]]:
            states = encoder.forward_batch(feeds["input_ids"].tolist(), token_type_ids=feeds["token_type_ids"].tolist())
            found = np.array(states.pooler_output if is_pooled else states.last_hidden_state)
            logits = found @ weight + bias
            return [logits] if is_pooled else [logits[..., 0], logits[..., 1]]

        return run
