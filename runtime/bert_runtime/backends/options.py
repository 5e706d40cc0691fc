"""How an engine is started, in values."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, get_args

from bert_runtime.backends.profile import Profile
from bert_runtime.errors import InputError
from bert_runtime.fields import Range, settle

Arena = Literal["kNextPowerOfTwo", "kSameAsRequested"]
ARENAS: tuple[Arena, ...] = get_args(Arena)
"""ONNX Runtime's own words."""


@dataclass(frozen=True)
class GpuOptions:
    """Options of engines on a GPU; other engines ignore them.

    Attributes:
        device: CUDA's number of the GPU, among those that CUDA_VISIBLE_DEVICES leaves.
        memory_limit: bytes that ONNX Runtime's arena may take for an artefact, of which a target may have two; None
            sets no limit. Libraries take more beside it.
        arena: how the arena grows: by powers of two, or by no more than what is asked for.
        graphs: (batch, sequence) sizes that are captured as CUDA graphs when the artefact is loaded; a batch runs,
            padded, in the smallest that it fits, and without a graph if there is none. None: the sizes that batches are
            padded to, of few tokens, each when it is first met; (): no graph.
        tf32: whether products of fp32 artefacts may round their inputs to TF32, with 10 bits of mantissa; faster, and
            less exact than the parity gate says.
        profile: the sizes that a TensorRT engine is built for; None takes those that the session's batches can have.

    Raises:
        InputError: on construction, with every value of a wrong type or out of range.
    """

    device: Annotated[int, Range(0)] = 0
    memory_limit: Annotated[int, Range(1)] | None = None
    arena: Arena = "kNextPowerOfTwo"
    graphs: tuple[tuple[Annotated[int, Range(1)], Annotated[int, Range(1)]], ...] | None = None
    profile: Profile | None = None
    tf32: bool = False

    def __post_init__(self) -> None:
        problems = settle(self, "gpu.")
        if problems:
            raise InputError(problems)


@dataclass(frozen=True)
class EngineOptions:
    """The threads of one call, the folder for compiled artefacts (None keeps nothing), and the options of a GPU.
    `concurrency`: how many callers there may be at once; threads that wait keep their CPU busy only where it is 1."""

    threads: int
    cache: Path | None = None
    gpu: GpuOptions = field(default_factory=GpuOptions)
    concurrency: int = 1
