"""ONNX Runtime's CUDA provider, proven to have the whole network, or an error."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bert_runtime import onnx_file
from bert_runtime.backends.cuda_graphs import NO_GRAPH, CudaGraphs, run_options
from bert_runtime.backends.engine import Array, Engine
from bert_runtime.backends.gpu_session import open_gpu_session, preload, provider_of
from bert_runtime.backends.onnxruntime import OrtEngine, import_onnxruntime, refusals
from bert_runtime.backends.options import EngineOptions, GpuOptions
from bert_runtime.backends.profile import axis_sizes, copy_into, crop, pad
from bert_runtime.errors import BackendError
from bert_runtime.machine.system import Probe, this_system
from bert_runtime.manifest import RIGHT_PADDED, Artefact
from bert_runtime.targets import CUDA

_BUCKETED = {"batch", "sequence"}
REMOVES_PADDING = "RemovePadding"
CUDA_DEVICE = CUDA.name
"""ONNX Runtime's name of the device is the target's."""


def start(directory: Path, artefact: Artefact, options: EngineOptions) -> Engine:
    """The engine of an artefact in the bundle at `directory`, loaded."""
    return CudaEngine(directory, artefact, options)


class CudaEngine(OrtEngine):
    """One ONNX file on one GPU."""

    def __init__(self, directory: Path, artefact: Artefact, options: EngineOptions) -> None:
        """Load the artefact.

        Raises:
            BackendError: the provider cannot be started, does not have the whole network, or CUDA graphs are asked for
                of an artefact whose batches have more sizes than (batch, sequence), or lose their padding.
        """
        onnxruntime = import_onnxruntime()
        self._artefact, self._options = artefact, options.gpu
        self._check_graphs(directory)
        preload(this_system(Probe(driver=lambda: None)), CUDA)
        name = provider_of(CUDA)
        providers = [(name, cuda_options(options.gpu))]
        session = open_gpu_session(onnxruntime, directory / artefact.file, providers, options.threads)
        super().__init__(session, f"onnxruntime {onnxruntime.__version__} {name} {options.gpu.device}")
        self._lock = threading.Lock()
        self._eager = run_options(onnxruntime, NO_GRAPH)
        device = (CUDA_DEVICE, options.gpu.device)
        self._graphs = CudaGraphs(onnxruntime, session, device, options.gpu.graphs) if options.gpu.graphs else None

    def run(self, feeds: Mapping[str, Array], fetch: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """See Engine. With CUDA graphs, one call at a time runs."""
        if self._graphs is None:
            return super().run(feeds, fetch)
        with self._lock, refusals():
            return self._run_recorded(self._graphs, feeds, fetch)

    def run_into(self, feeds: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        """See Engine."""
        if self._graphs is None:
            super().run_into(feeds, outputs)
            return
        copy_into(self.run(feeds, list(outputs)), outputs)

    def close(self) -> None:
        """See Engine."""
        self._graphs = None
        super().close()

    def _run_recorded(
        self, graphs: CudaGraphs, feeds: Mapping[str, Array], fetch: Sequence[str]
    ) -> dict[str, NDArray[np.float32]]:
        sizes = axis_sizes(feeds, self._artefact.inputs)
        bucket = graphs.bucket(sizes["batch"], sizes["sequence"])
        if bucket is None:
            values = self.opened().run(list(fetch), dict(feeds), self._eager)
            return dict(zip(fetch, values, strict=True))
        padded = pad(feeds, self._artefact.inputs, {"batch": bucket[0], "sequence": bucket[1]})
        outputs = graphs.run(padded)
        axes = {spec.name: spec.axes for spec in self._artefact.outputs}
        return {name: np.ascontiguousarray(crop(outputs[name], axes[name], sizes)) for name in fetch}

    def _check_graphs(self, directory: Path) -> None:
        axes = {axis for spec in self._artefact.inputs for axis in spec.axes}
        if self._options.graphs and axes != _BUCKETED:
            raise BackendError(
                f"gpu.graphs: the artefact's inputs have the axes {', '.join(sorted(axes))}, expected batch and "
                "sequence alone for CUDA graphs; load without gpu.graphs"
            )
        # Only a graph for right-padded masks may remove padding (BUNDLE.md): its sizes are read back to the host.
        is_narrow = self._options.graphs and self._artefact.mask == RIGHT_PADDED
        if is_narrow and REMOVES_PADDING in onnx_file.read(directory / self._artefact.file).operators:
            raise BackendError(
                f"gpu.graphs: {self._artefact.file} removes padding, so that its sizes differ from batch to batch, "
                "expected fixed ones for CUDA graphs; load without gpu.graphs, or export without --remove-padding"
            )


def cuda_options(gpu: GpuOptions) -> dict[str, Any]:
    """The CUDA provider's own options."""
    return {
        "device_id": str(gpu.device),
        "arena_extend_strategy": gpu.arena,
        **({} if gpu.memory_limit is None else {"gpu_mem_limit": str(gpu.memory_limit)}),
        "use_tf32": "1" if gpu.tf32 else "0",
        **({"enable_cuda_graph": "1"} if gpu.graphs else {}),
    }
