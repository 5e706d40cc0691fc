"""What the race asks of a peer: build once, load in a process of its own, run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.workload import SIZES, Feeds, Model
from bert_export.families import find_family
from bert_runtime.tasks import find_task

Run = Callable[[Feeds], list[NDArray[np.float32]]]
"""One call: the feeds of a case to the head's outputs, in the task's order."""


@dataclass(frozen=True)
class Stall:
    """Where a peer works: the model, its checkpoint (read only), and the folder of its own artefact."""

    model: Model
    checkpoint: Path
    folder: Path


class Peer(Protocol):
    """A way from a checkpoint to answers. Its module imports nothing heavy before `build` or `load`.

    Attributes:
        name: for tables.
        version: what an artefact depends on: another version means that it is built again.
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def build(self, stall: Stall) -> None:
        """Make the artefact in the stall's folder, which is empty."""

    def load(self, stall: Stall, threads: int) -> Run:
        """The artefact, ready to run with `threads` threads."""


def ort_session(path: Path, threads: int) -> Any:
    """ONNX Runtime as its documentation shows it: the defaults, but for the number of threads."""
    import onnxruntime  # noqa: PLC0415 - in the peer's own process

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def ort_run(session: Any, model: Model) -> Run:
    """Run a session, feeding what its graph takes.

    A graph of fill-mask that has no `positions` gives logits for every token; those of the masks are picked out, as
    whoever wants candidates has to.
    """
    names = [value.name for value in session.get_inputs()]

    def run(feeds: Feeds) -> list[NDArray[np.float32]]:
        outputs: list[NDArray[np.float32]] = session.run(None, {name: feeds[name] for name in names})
        return outputs if model.task != "fill-mask" or "positions" in names else [masked(outputs[0], feeds)]

    return run


def inputs_of(model: Model) -> tuple[str, ...]:
    """What transformers' class takes: token types only where the family has them."""
    family = find_family(SIZES[model.size].model_type)
    return tuple(spec.name for spec in family.inputs(find_task(model.task), plain=True))


def masked(logits: NDArray[np.float32], feeds: Feeds) -> NDArray[np.float32]:
    """(batch, sequence, vocabulary) to (batch, masks, vocabulary)."""
    positions = feeds["positions"]
    return logits[np.arange(len(positions))[:, np.newaxis], positions]


def torch_model(stall: Stall) -> Any:
    """The class in transformers with the checkpoint's weights, fp32, in evaluation mode, sdpa attention."""
    import torch  # noqa: PLC0415
    import transformers  # noqa: PLC0415

    family = find_family(SIZES[stall.model.size].model_type)
    kind = getattr(transformers, family.model_class(find_task(stall.model.task)))
    return kind.from_pretrained(stall.checkpoint, dtype=torch.float32).eval()
