"""What is asked of an engine: whether it can run here, to load, and to run one batch until its answer is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.gpu.shapes import Shape
from benchmarks.workload import Feeds, Model

Outputs = list[NDArray[np.float32]]


@dataclass(frozen=True)
class Stall:
    """Where engines find what they run.

    Attributes:
        model: the head and the size of its network.
        folder: holds the checkpoint and the bundle; engines that are compiled are kept there too.
        shapes: all that will be asked, for engines that prepare for sizes.
        threads: of the CPU.
    """

    model: Model
    folder: Path
    shapes: Sequence[Shape]
    threads: int

    @property
    def checkpoint(self) -> Path:
        """A directory as transformers saves it."""
        return self.folder / "checkpoint"

    @property
    def bundle(self) -> Path:
        """A directory as bert-export writes it, with an artefact for each target that is measured."""
        return self.folder / "bundle"


@dataclass(frozen=True)
class Call:
    """One batch, its inputs where the engine wants them.

    Attributes:
        run: computes the answer, and comes back when it is complete, wherever it lies.
        outputs: the answer of the last run, as arrays of the host in the task's order.
        on_gpu: milliseconds of the last run between two events on the GPU's own clock; None where the engine's stream
            cannot be asked.
    """

    run: Callable[[], None]
    outputs: Callable[[], Outputs]
    on_gpu: Callable[[], float | None] = lambda: None


class Loaded(Protocol):
    """An engine, ready for batches."""

    def prepare(self, feeds: Feeds) -> Call:
        """A call with these feeds; what an earlier call holds may be freed."""


class Engine(Protocol):
    """A way to run the model. Its module imports nothing heavy before `load`.

    Attributes:
        name: for tables; says where it runs and in which precision.
        device: cuda or cpu.
        precision: decides how far its outputs may be from the reference.
        target: the artefact that it needs, or none.
        loads_alone: whether nothing else may run on the GPU meanwhile.
    """

    @property
    def name(self) -> str: ...

    @property
    def device(self) -> str: ...

    @property
    def precision(self) -> str: ...

    @property
    def target(self) -> str | None: ...

    @property
    def loads_alone(self) -> bool: ...

    def missing(self) -> str:
        """What keeps it from running on this machine, and what to do about it; empty where nothing is seen to."""

    def load(self, stall: Stall) -> Loaded:
        """Ready to run; raises whatever its libraries raise where it cannot be."""
