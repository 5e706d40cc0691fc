"""TensorRT through ONNX Runtime: one engine for the sizes of a profile, built once and never again without a word."""

from __future__ import annotations

import ctypes
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bert_runtime.backends.cuda import cuda_options
from bert_runtime.backends.engine import Array, Engine, make_cache
from bert_runtime.backends.gpu_session import open_gpu_session, preload, provider_of
from bert_runtime.backends.gpu_thread import gpu_thread
from bert_runtime.backends.onnxruntime import OrtEngine, import_onnxruntime
from bert_runtime.backends.options import EngineOptions, GpuOptions
from bert_runtime.backends.profile import axis_sizes, copy_into, crop, pad
from bert_runtime.errors import BackendError
from bert_runtime.machine.system import System, this_system
from bert_runtime.manifest import Artefact
from bert_runtime.targets import CUDA, TENSORRT


@dataclass(frozen=True)
class EngineKey:
    """All that a built engine depends on; one built with anything else is another engine.

    Attributes:
        model: SHA-256 of the graph's file and of those of its data.
        capability: the GPU's compute capability.
        profile: axis -> smallest, most likely, largest size.
    """

    model: str
    tensorrt: str
    onnxruntime: str
    capability: tuple[int, int]
    profile: Mapping[str, tuple[int, int, int]]

    @property
    def folder(self) -> str:
        """The name of a folder for this engine alone."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


def start(directory: Path, artefact: Artefact, options: EngineOptions) -> Engine:
    """The engine of an artefact in the bundle at `directory`, loaded."""
    return TensorRtEngine(directory, artefact, options)


class TensorRtEngine(OrtEngine):
    """One ONNX file on one GPU, as an engine that TensorRT builds for it when it is loaded.

    ONNX Runtime's provider builds at once where every input has stated sizes, and never changes them afterwards
    (Compile in its tensorrt_execution_provider.cc): what has other sizes is padded or refused here.
    """

    def __init__(self, directory: Path, artefact: Artefact, options: EngineOptions) -> None:
        """Load the artefact: with a cache, from the engine that lies in it for exactly these versions and sizes.

        Raises:
            BackendError: no profile, or one that lacks an axis; the provider cannot be started, or does not have the
                whole network; the cache cannot be written.
        """
        if options.gpu.profile is None:
            raise BackendError("no profile was given, expected one: TensorRT builds an engine for stated sizes")
        if options.gpu.graphs:
            raise BackendError("gpu.graphs are the CUDA target's; load without them, or the target cuda")
        onnxruntime = import_onnxruntime()
        self._artefact, self._profile = artefact, options.gpu.profile
        system = this_system()
        preload(system, TENSORRT)
        preload(system, CUDA)  # what TensorRT leaves to it
        libraries = system.files(_libraries(system))
        folder = None
        if options.cache is not None:
            files = [directory / name for name in (artefact.file, *artefact.data)]
            key = _key(files, system, libraries, onnxruntime.__version__, options.gpu)
            folder = options.cache / key.folder
            make_cache(folder)
        own = tensorrt_options(options.gpu, self._profile.shapes(artefact.inputs), folder)
        name = provider_of(TENSORRT)
        providers = [(name, own), (provider_of(CUDA), cuda_options(replace(options.gpu, graphs=())))]
        self._thread = gpu_thread(options.gpu.device)
        file = directory / artefact.file
        session = self._thread.call(lambda: open_gpu_session(onnxruntime, file, providers, options.threads))
        super().__init__(session, f"onnxruntime {onnxruntime.__version__} {name} {options.gpu.device}")

    def run(self, feeds: Mapping[str, Array], fetch: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """See Engine. Feeds below the profile's sizes are padded; above them they are a BackendError."""
        sizes = axis_sizes(feeds, self._artefact.inputs)
        padded = pad(feeds, self._artefact.inputs, self._profile.fit(sizes))
        run = super().run
        found = self._thread.call(lambda: run(padded, fetch))
        if padded.keys() == feeds.keys() and all(padded[name] is feeds[name] for name in feeds):
            return found
        axes = {spec.name: spec.axes for spec in self._artefact.outputs}
        return {name: np.ascontiguousarray(crop(value, axes[name], sizes)) for name, value in found.items()}

    def run_into(self, feeds: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        """See Engine."""
        copy_into(self.run(feeds, list(outputs)), outputs)


def tensorrt_options(gpu: GpuOptions, shapes: tuple[str, str, str], cache: Path | None) -> dict[str, str]:
    """The TensorRT provider's own options. Its precision flags stay off: the graph's types say it all."""
    low, best, high = shapes
    options = {
        "device_id": str(gpu.device),
        "trt_profile_min_shapes": low,
        "trt_profile_opt_shapes": best,
        "trt_profile_max_shapes": high,
    }
    if cache is None:
        return options
    return options | {
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": str(cache),
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": str(cache),
    }


def _libraries(system: System) -> list[str]:
    """TensorRT's own among the libraries that the provider is linked to; onnxruntime itself looks for the others."""
    return [
        name for name in system.needs.get(TENSORRT.name, ()) if name.startswith("libnv") and name in system.libraries
    ]


def _key(
    files: Sequence[Path], system: System, libraries: Sequence[Path], onnxruntime: str, gpu: GpuOptions
) -> EngineKey:
    gpus = system.driver.gpus if system.driver else ()
    if gpu.device >= len(gpus) or gpu.profile is None:
        raise BackendError(f"gpu.device is {gpu.device}, but {len(gpus)} GPUs are here; name one of them, from 0")
    digests = " ".join(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)
    capability, profile = gpus[gpu.device].capability, gpu.profile.axes
    return EngineKey(digests, _tensorrt_version(libraries), onnxruntime, capability, profile)


def _tensorrt_version(libraries: Sequence[Path]) -> str:
    """The number that libnvinfer gives, such as 101303 for 10.13.3."""
    own = next((library for library in libraries if library.name.startswith("libnvinfer.so")), None)
    if own is None:
        raise BackendError("libnvinfer is nowhere; run `bert-doctor`, which says what to install")
    return str(ctypes.CDLL(str(own)).getInferLibVersion())
