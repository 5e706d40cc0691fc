"""PyTorch as the checkpoint's author runs it: eager or compiled, fp32 or bf16, in inference mode."""

from __future__ import annotations

import importlib.metadata
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.peer import Run, Stall, inputs_of, masked, torch_model
from benchmarks.workload import Case, Feeds
from bert_runtime.tasks import find_task


@dataclass(frozen=True)
class TorchEager:
    """The model itself; there is no artefact.

    Attributes:
        precision: of the weights, in torch's words. bfloat16 weights are faster than autocast over float32 ones.
        compiled: whether torch.compile runs it, with shapes that it need not compile again for.
    """

    name: str = "torch eager"
    precision: str = "float32"
    compiled: bool = False

    @property
    def version(self) -> str:
        """See Peer."""
        return importlib.metadata.version("torch") if self.compiled else ""

    def build(self, stall: Stall) -> None:
        """Compiling takes minutes: what inductor makes is kept in the stall."""
        if self.compiled:
            self.load(stall, len(os.sched_getaffinity(0)))(Case(2, 16).feeds())

    def load(self, stall: Stall, threads: int) -> Run:
        """See Peer."""
        _cache_inductor(stall.folder / "inductor")
        import torch  # noqa: PLC0415

        torch.set_num_threads(threads)
        model: Any = torch_model(stall).to(getattr(torch, self.precision))
        if self.compiled:
            model = torch.compile(model, dynamic=True)
        outputs = [spec.name for spec in find_task(stall.model.task).graph_outputs(plain=True)]

        def run(feeds: Feeds) -> list[NDArray[np.float32]]:
            with torch.inference_mode():
                answer = model(**{name: torch.from_numpy(feeds[name]) for name in inputs_of(stall.model)})
                values: list[NDArray[np.float32]] = [getattr(answer, name).float().numpy() for name in outputs]
            return [masked(values[0], feeds)] if stall.model.task == "fill-mask" else values

        return run


def _cache_inductor(folder: Path) -> None:
    """Where torch.compile keeps its C++ and what g++ made of it; it reads this when it is imported."""
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(folder.resolve())
