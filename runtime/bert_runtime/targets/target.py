"""What a target is: a value that says which artefacts are made for an engine, and how the runtime feeds that engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

PRECISIONS = ("fp32", "fp16", "bf16", "int8")
NO_BF16 = "ONNX Runtime has bf16 kernels for hardly any operator; use --target openvino:bf16 for a CPU"
"""Why its targets have no bf16, and what to do on a CPU."""
"""Every precision of the format."""


class Device(StrEnum):
    """The kind of processor that an engine computes on."""

    CPU = "CPU"
    GPU = "GPU"


class Operators(StrEnum):
    """The operators that a target's graphs hold."""

    STANDARD = "plain ONNX"
    """Of the ONNX standard alone."""
    FUSED = "fused"
    """ONNX Runtime's own fused operators beside the standard's."""


@dataclass(frozen=True)
class Provider:
    """The execution provider of ONNX Runtime that a GPU target runs on.

    Attributes:
        name: as ONNX Runtime spells it.
        library: the shared library of the provider, in ONNX Runtime's package.
        oldest_capability: the oldest compute capability that the provider supports by itself; None where CUDA's own
            limit is the only one.
        oldest_reason: what sets that limit, for people.
        opened_late: libraries that the provider is not linked to, and opens by name when it first needs them; it does
            without them where they are nowhere.
    """

    name: str
    library: str
    oldest_capability: tuple[int, int] | None = None
    oldest_reason: str = ""
    opened_late: tuple[str, ...] = ()


@dataclass(frozen=True)
class PadToMultipleOf:
    """The multiples, in tokens, that batch widths are padded to in the two modes; 1 pads to the longest row alone."""

    latency: int = 1
    throughput: int = 1


@dataclass(frozen=True)
class ThreadLayout:
    """How a session uses the CPUs.

    Attributes:
        threads: of one run.
        streams: how many runs go on at once beside the caller's thread; 0: the caller's thread waits for each run.
        concurrency: in serving mode, how many callers' runs at once keep the engine busy; else 1.
    """

    threads: int
    streams: int
    concurrency: int = 1


@dataclass(frozen=True, eq=False)
class Target:
    """An engine on a device, as far as an artefact depends on it. Other modules key their registries by `name`.

    Attributes:
        name: in manifests and on the command line.
        precisions: those that artefacts are made in.
        refusals: every other precision -> why there is none, and what to do instead.
        auto_for: the precisions for which the exporter's `auto` is this target.
        device: what the engine computes on.
        module: the Python module of the engine.
        backend: the module of `bert_runtime.backends` whose `start` loads an artefact for the engine.
        auto_rank: the runtime's `auto` prefers a GPU's targets, then by precision, then by this number, smallest first.
        operators: what its graphs hold.
        provider: of ONNX Runtime, for a GPU; None where the engine is on the CPU.
        has_right_padded_artefact: whether right-padded masks have faster kernels, so that they get an artefact of their
            own.
        has_profile: whether the engine is built for a range of shapes, so that the bundle holds a profile.
        has_cuda_graphs: whether batches of fixed sizes can be recorded and replayed.
        int8_float_precision: the precision of what an int8 graph leaves in floating point.
        packs_sequences: whether the engine is faster on rows that hold several texts (sequence packing).
        pad_to_multiple_of: see PadToMultipleOf.
        threads_per_stream: in throughput mode, the threads of each run.
        streams: in throughput mode, how many runs go on at once; None: as many as the CPUs have room for.
        shares_threads: whether runs that go on at once share the engine's threads, so that one alone has all of them.
        is_candidate: whether `--optimize-for-this-machine` tries it.
        extra: the extra of the distribution that installs the engine.
    """

    name: str
    precisions: tuple[str, ...]
    refusals: Mapping[str, str]
    device: Device
    module: str
    backend: str
    extra: str
    auto_rank: int
    operators: Operators = Operators.STANDARD
    auto_for: tuple[str, ...] = ()
    provider: Provider | None = None
    has_right_padded_artefact: bool = False
    has_profile: bool = False
    has_cuda_graphs: bool = False
    int8_float_precision: str = "fp32"
    packs_sequences: bool = False
    pad_to_multiple_of: PadToMultipleOf = field(default_factory=PadToMultipleOf)
    threads_per_stream: int = 1
    streams: int | None = None
    shares_threads: bool = False
    is_candidate: bool = False

    @property
    def is_on_gpu(self) -> bool:
        """Whether the engine computes on a GPU."""
        return self.device is Device.GPU

    def thread_layout(self, cpus: int, mode: str) -> ThreadLayout:
        """How a session with `cpus` CPUs uses them, in the mode of this name; see `bert_runtime.Options`."""
        if mode == "serving" and not self.is_on_gpu:
            return self._serving_layout(cpus)
        if mode != "throughput":
            return ThreadLayout(cpus, 0)
        threads = min(self.threads_per_stream, cpus)
        return ThreadLayout(threads, cpus // threads if self.streams is None else self.streams)

    def _serving_layout(self, cpus: int) -> ThreadLayout:
        """One run alone takes every thread, and several at once share them, where the engine can do so."""
        if self.shares_threads:
            return ThreadLayout(cpus, 0, cpus)
        threads = min(self.threads_per_stream, cpus)
        return ThreadLayout(threads, 0, cpus // threads)
