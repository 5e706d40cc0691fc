"""How a bundle is loaded, as a value that is checked when it is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from bert_runtime.backends.options import GpuOptions
from bert_runtime.cpus import available_cpus
from bert_runtime.errors import InputError
from bert_runtime.fields import OneOf, Range, settle
from bert_runtime.schedule import BatchLimits
from bert_runtime.targets import AUTO, BY_NAME, ThreadLayout

MOST_THREADS = 1024
"""More than any machine that this runs on has; an engine would try to start them all."""

MODES = ("auto", "latency", "throughput", "serving")


@dataclass(frozen=True)
class Options:
    """How a bundle is loaded.

    Attributes:
        target: auto, or the artefact to run; a named one never falls back to another.
        threads: the CPUs to use; None takes those that affinity and cgroup leave this process.
        batch_limits: the size of the batches that `predict` makes.
        cache: a directory where an engine that compiles its graph keeps the result, so that the next load is faster;
            None: what takes minutes to build, TensorRT's engines, is kept in `bert-export/engines` of the user's own
            cache ($XDG_CACHE_HOME, else ~/.cache), and nothing else is. Its files are loaded without a check: let no
            other user write to it.
        encoder: for a decoder that reads an encoder: a bundle of feature extraction that reads its sources; it runs as
            `auto` does. Without it, requests bring EncoderStates.
        gpu: options of engines on a GPU.
        mode: latency: one run at a time takes all threads, so that each answer is soon there; throughput: `predict`
            runs several batches at once, each with a part of the threads, and reads far ahead, so that the whole is
            soon done, and where the artefact has a graph for it texts share rows; serving: several threads call the
            session at once, as those of `bert_runtime.serving` do: a run that is alone takes all threads, and one that
            fills the CPUs takes one (ONNX Runtime then keeps its matrices twice); auto is latency.
        revision: of a bundle that is named by its repository on the hub: a branch, tag or commit. An encoder of the hub
            is named with its own, as in `org/name@revision`.

    Raises:
        InputError: on construction, with every value of a wrong type or out of range.
    """

    target: Annotated[str, OneOf((AUTO, *BY_NAME))] = AUTO
    threads: Annotated[int, Range(1, MOST_THREADS)] | None = None
    batch_limits: BatchLimits = field(default_factory=BatchLimits)
    cache: str | Path | None = None
    encoder: str | Path | None = None
    gpu: GpuOptions = field(default_factory=GpuOptions)
    mode: Annotated[str, OneOf(MODES)] = "auto"
    revision: str | None = None

    def __post_init__(self) -> None:
        problems = settle(self)
        if problems:
            raise InputError(problems)

    def thread_layout(self, target: str) -> ThreadLayout:
        """How a session on the target of this name uses the CPUs."""
        return BY_NAME[target].thread_layout(self.threads or available_cpus(), self.mode)
