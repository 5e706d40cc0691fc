"""PyTorch as the checkpoint's author runs it: eager, fp32, inference mode."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.onnxruntime_raw import INPUTS
from benchmarks.peers.peer import Run, Stall, masked, torch_model
from benchmarks.workload import Feeds
from bert_runtime.tasks import find_task


@dataclass(frozen=True)
class TorchEager:
    """The model itself; there is no artefact."""

    name: str = "torch eager"
    version: str = ""

    def build(self, stall: Stall) -> None:
        """See Peer."""

    def load(self, stall: Stall, threads: int) -> Run:
        """See Peer."""
        import torch  # noqa: PLC0415

        torch.set_num_threads(threads)
        model = torch_model(stall)
        outputs = [spec.name for spec in find_task(stall.model.task).graph_outputs(plain=True)]

        def run(feeds: Feeds) -> list[NDArray[np.float32]]:
            with torch.inference_mode():
                answer = model(**{name: torch.from_numpy(feeds[name]) for name in INPUTS})
            values: list[NDArray[np.float32]] = [getattr(answer, name).numpy() for name in outputs]
            return [masked(values[0], feeds)] if stall.model.task == "fill-mask" else values

        return run
