"""ONNX Runtime's CUDA provider, proven to have the whole network, or an error."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bert_runtime import onnx_file
from bert_runtime.backends.buckets import Buckets
from bert_runtime.backends.cuda_graphs import NO_GRAPH, CudaGraphs, run_options
from bert_runtime.backends.engine import Array, Engine
from bert_runtime.backends.gpu_session import open_gpu_session, preload, provider_of
from bert_runtime.backends.gpu_thread import gpu_thread
from bert_runtime.backends.onnxruntime import OrtEngine, first_line, import_onnxruntime, refusals
from bert_runtime.backends.options import EngineOptions, GpuOptions
from bert_runtime.backends.profile import axis_sizes, copy_into, crop, pad
from bert_runtime.errors import BackendError
from bert_runtime.machine.attention import takes_lengths
from bert_runtime.machine.system import Probe, System, this_system
from bert_runtime.manifest import KEY_RANGES, RIGHT_PADDED, Artefact
from bert_runtime.targets import CUDA

_BUCKETED = {"batch", "sequence"}
_PADDED = {*_BUCKETED, "choices", "masks"}
_LONGEST = 512
REMOVES_PADDING = "RemovePadding"
CUDA_DEVICE = CUDA.name
"""ONNX Runtime's name of the device is the target's."""
ALL = np.array([np.iinfo(np.int64).max])
"""What KEY_RANGES takes for all numbers."""


def start(directory: Path, artefact: Artefact, options: EngineOptions) -> Engine:
    """The engine of an artefact in the bundle at `directory`, loaded."""
    return CudaEngine(directory, artefact, options)


class CudaEngine(OrtEngine):
    """One ONNX file on one GPU. Batches are padded to buckets; see `buckets` and `gpu_thread`."""

    def __init__(self, directory: Path, artefact: Artefact, options: EngineOptions) -> None:
        """Load the artefact.

        Raises:
            BackendError: the provider cannot be started, does not have the whole network, or CUDA graphs are asked for
                of an artefact whose batches have more sizes than (batch, sequence), or lose their padding.
        """
        self._module = import_onnxruntime()
        self._model, self._artefact, self._threads = directory / artefact.file, artefact, options.threads
        # Only a graph for right-padded masks may remove padding (BUNDLE.md): its sizes are read back to the host.
        narrow = artefact.mask == RIGHT_PADDED
        self._removes_padding = narrow and REMOVES_PADDING in onnx_file.read(self._model).operators
        axes = {axis for spec in artefact.inputs for axis in spec.axes}
        longest = options.gpu.profile.axes.get("sequence", (0, 0, _LONGEST))[2] if options.gpu.profile else _LONGEST
        self._buckets = None if self._removes_padding or not axes <= _PADDED else Buckets(longest)
        self._options = replace(options.gpu, graphs=self._wanted(axes, options.gpu))
        self._thread = gpu_thread(options.gpu.device)
        system = this_system(Probe())
        preload(system, CUDA)
        session = self._thread.call(self._open)
        super().__init__(session, f"onnxruntime {self._module.__version__} {provider_of(CUDA)} {options.gpu.device}")
        self._extra = _asked(session, system, options.gpu.device)
        self._eager = run_options(self._module, NO_GRAPH)
        self._graphs = self._thread.call(self._recorder)

    def run(self, feeds: Mapping[str, Array], fetch: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """See Engine. One call at a time runs on a GPU."""
        self.opened()
        return self._thread.call(lambda: self._run(feeds, fetch))

    def run_into(self, feeds: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        """See Engine."""
        copy_into(self.run(feeds, list(outputs)), outputs)

    def close(self) -> None:
        """See Engine."""
        self._thread.call(self._release)

    def _release(self) -> None:
        self._graphs = None
        super().close()

    def _run(self, feeds: Mapping[str, Array], fetch: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        sizes = axis_sizes(feeds, self._artefact.inputs)
        if self._buckets is None:
            return self._eagerly(feeds, fetch)
        batch, sequence = sizes["batch"], sizes["sequence"]
        recorded = self._graphs.bucket(batch, sequence) if self._graphs else None
        rows, width = recorded or self._buckets.fit(batch, sequence)
        padded = pad(feeds, self._artefact.inputs, {**sizes, "batch": rows, "sequence": width})
        found = self._recorded(padded, fetch) if recorded else self._eagerly(padded, fetch)
        axes = {spec.name: spec.axes for spec in self._artefact.outputs}
        return {name: np.ascontiguousarray(crop(found[name], axes[name], sizes)) for name in fetch}

    def _eagerly(self, feeds: Mapping[str, Array], fetch: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        with refusals():
            values = self.opened().run(list(fetch), {**feeds, **self._extra}, self._eager)
        return dict(zip(fetch, values, strict=True))

    def _recorded(self, feeds: Mapping[str, Array], fetch: Sequence[str]) -> Mapping[str, Array]:
        """By a graph; where one cannot be recorded, without any from then on, in a session that never recorded: a
        recording that failed leaves the provider's stream unusable."""
        assert self._graphs is not None
        try:
            return self._graphs.run({**feeds, **self._extra})
        except Exception as error:  # onnxruntime's own exceptions have no public common class
            warnings.warn(
                f"gpu.graphs: a batch cannot be recorded as a CUDA graph ({first_line(error)}); {self.name} goes on "
                "without graphs; load with gpu.graphs=() to do so from the start",
                stacklevel=2,
            )
        self._graphs, self._options = None, replace(self._options, graphs=())
        self._session = self._open()
        return self._eagerly(feeds, fetch)

    def _open(self) -> Any:
        providers = [(provider_of(CUDA), cuda_options(self._options))]
        return open_gpu_session(self._module, self._model, providers, self._threads)

    def _recorder(self) -> CudaGraphs | None:
        """The graphs of the sizes that are asked for, recorded; or of any bucket of few tokens, none recorded yet."""
        sizes, buckets = self._options.graphs, self._buckets
        if sizes == () or buckets is None:
            return None
        graphs = CudaGraphs(self._module, self.opened(), (CUDA_DEVICE, self._options.device), sizes or buckets.fit)
        self._graphs = graphs
        for batch, sequence in sizes or ():
            if self._graphs is not None:  # none is left once a recording failed
                feeds = _ones(self._artefact, batch, sequence)
                self._recorded(feeds, [spec.name for spec in self._artefact.outputs])
        return self._graphs

    def _wanted(self, axes: set[str], gpu: GpuOptions) -> tuple[tuple[int, int], ...] | None:
        """The sizes to record, None for all buckets of few tokens; none of an artefact that cannot be recorded.

        Raises:
            BackendError: sizes were asked for of such an artefact.
        """
        if axes == _BUCKETED and not self._removes_padding:
            return gpu.graphs
        if not gpu.graphs:
            return ()
        if axes != _BUCKETED:
            raise BackendError(
                f"gpu.graphs: the artefact's inputs have the axes {', '.join(sorted(axes))}, expected batch and "
                "sequence alone for CUDA graphs; load without gpu.graphs"
            )
        raise BackendError(
            f"gpu.graphs: {self._artefact.file} removes padding, so that its sizes differ from batch to batch, "
            "expected fixed ones for CUDA graphs; load without gpu.graphs, or export without --remove-padding"
        )


def _asked(session: Any, system: System, device: int) -> dict[str, Array]:
    """KEY_RANGES, where the graph has it and the GPU has no fast kernel for lengths."""
    has_it = any(value.name == KEY_RANGES for value in session.get_overridable_initializers())
    return {KEY_RANGES: ALL} if has_it and not takes_lengths(system, device) else {}


def _ones(artefact: Artefact, batch: int, sequence: int) -> dict[str, Array]:
    """Feeds of a size, of which nothing is masked."""
    sizes = {"batch": batch, "sequence": sequence}
    return {spec.name: np.ones([sizes[axis] for axis in spec.axes], dtype=spec.dtype) for spec in artefact.inputs}


def cuda_options(gpu: GpuOptions) -> dict[str, Any]:
    """The CUDA provider's own options."""
    return {
        "device_id": str(gpu.device),
        "arena_extend_strategy": gpu.arena,
        **({} if gpu.memory_limit is None else {"gpu_mem_limit": str(gpu.memory_limit)}),
        "use_tf32": "1" if gpu.tf32 else "0",
        **({"enable_cuda_graph": "1"} if gpu.graphs != () else {}),
    }
