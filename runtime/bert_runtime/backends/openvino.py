"""OpenVINO on the CPU, in the arithmetic that the artefact's precision states and no other."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bert_runtime.backends.engine import Array, Engine, make_cache
from bert_runtime.backends.openvino_graph import fused_attentions, table_rows
from bert_runtime.backends.options import EngineOptions
from bert_runtime.backends.real_files import real_files
from bert_runtime.cpus import available_cpus
from bert_runtime.errors import BackendError, BundleError
from bert_runtime.machine.system import is_importable
from bert_runtime.manifest import Artefact
from bert_runtime.process import Process
from bert_runtime.targets import OPENVINO

DEVICE = "CPU"
ARITHMETIC = {"fp32": "f32", "bf16": "bf16", "int8": "bf16"}
"""An artefact's precision -> what everything that is not quantised is computed in, in OpenVINO's words. Without such a
hint OpenVINO takes the fastest that the CPU has, and fp32 would silently be bf16."""


_UNIT = 64


def is_installed() -> bool:
    """Whether the openvino package is there; nothing is imported."""
    return is_importable(OPENVINO.module)


def import_openvino() -> Any:
    """The openvino module.

    Raises:
        BackendError: the package is not installed, or broken.
    """
    try:
        with _without_telemetry():
            import openvino  # noqa: PLC0415 - an extra, and a missing one must be explained
    except ImportError as error:
        raise BackendError(
            f"openvino cannot be imported ({error}); run `pip install 'bert-export[openvino]'`"
        ) from error
    return openvino


@contextlib.contextmanager
def _without_telemetry() -> Iterator[None]:
    """Importing openvino reports its use to its makers, unless their telemetry cannot be imported."""
    name = "openvino_telemetry"
    if name in sys.modules or OPENVINO.module in sys.modules:
        yield
        return
    modules = cast(dict[str, ModuleType | None], sys.modules)
    modules[name] = None  # Python's own word for a module that is not there
    try:
        yield
    finally:
        del modules[name]


def start(directory: Path, artefact: Artefact, options: EngineOptions) -> Engine:
    """The engine of an artefact in the bundle at `directory`, loaded."""
    if options.cache is not None:
        make_cache(options.cache)
    with real_files(directory, (artefact.file, *artefact.data), options.cache) as folder:
        return OpenVinoEngine(folder / artefact.file, artefact.precision, options.threads, options.cache)


class OpenVinoEngine:
    """One ONNX file on OpenVINO's CPU device.

    Attributes:
        fused_attentions: how many attentions this CPU computes in one kernel.
    """

    def __init__(self, model: Path, precision: str, threads: int, cache: Path | None = None) -> None:
        """Load `model`; as many calls of `run`, with `threads` threads each, run at once as there are CPUs for.

        Args:
            model: an ONNX file of standard operators; external data lies beside it.
            precision: fp32, bf16 or int8, as the manifest states it.
            threads: of one call.
            cache: where the compiled model is kept, for this content of `model` alone: OpenVINO knows a file by path,
                size and time, and takes another one with the same three for it.

        Raises:
            BackendError: openvino is missing, or does not run this precision.
            BundleError: openvino cannot load the file.
        """
        if precision not in ARITHMETIC:
            raise BackendError(
                f"openvino runs the precisions {', '.join(ARITHMETIC)}, not {precision}; load another target"
            )
        openvino = import_openvino()
        core, version = openvino.Core(), openvino.__version__.partition("-")[0]
        arithmetic = _arithmetic(precision, core.get_property(DEVICE, "OPTIMIZATION_CAPABILITIES"))
        if cache is not None:
            make_cache(cache)
        settings = _settings(arithmetic, threads, cache)
        try:
            if precision == "int8":
                settings["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = _group(core.read_model(str(model)))
            self._compiled: Any = core.compile_model(str(model), DEVICE, settings)
        except Exception as error:  # openvino raises RuntimeError for everything
            raise BundleError(
                f"{model.name}: openvino {version} cannot load it: {_reason(error)}; export the bundle again, or "
                "install the openvino it was made with"
            ) from error
        computed = self._compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        if computed != arithmetic:
            raise BackendError(
                f"openvino {version} computes in {computed}, expected {arithmetic}; load another target, or install "
                "the openvino of this project's constraints.txt"
            )
        quantised = "int8 and " if precision == "int8" else ""
        self.name = f"openvino {version} {DEVICE} {quantised}{computed}"
        self._process = Process()
        self._process.keep(self._compiled)
        self._tensor = openvino.Tensor
        self._inputs = {value.get_any_name() for value in self._compiled.inputs}
        executed = self._compiled.get_runtime_model()
        self._rows = table_rows(executed)
        self.fused_attentions = fused_attentions(executed)

    def run(self, feeds: Mapping[str, Array], fetch: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """See Engine. The lock of the Python interpreter is released while the graph runs."""
        with _refusals():
            request = self._ran(feeds, {})
            return {name: request.get_tensor(name).data.copy() for name in fetch}

    def run_into(self, feeds: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        """See Engine."""
        with _refusals():
            request = self._ran(feeds, outputs)
            shapes = {name: tuple(request.get_tensor(name).shape) for name in outputs}
        wrong = [name for name, shape in shapes.items() if shape != outputs[name].shape]
        if wrong:
            told = ", ".join(f"{name} the shape {shapes[name]}, expected {outputs[name].shape}" for name in wrong)
            raise BackendError(f"openvino gives {told}")

    def close(self) -> None:
        """See Engine."""
        self._compiled = None
        self._process.release()

    def _ran(self, feeds: Mapping[str, Array], outputs: Mapping[str, Array]) -> Any:
        """A request that has run. Each call makes its own, in microseconds, so that threads share nothing."""
        self._process.check()
        compiled = self._compiled  # another thread may close the engine meanwhile
        if compiled is None:
            raise BackendError("the session is closed; load the bundle again")
        self._check(feeds)
        _check_rows(feeds, outputs)
        request = compiled.create_infer_request()
        # Shared memory has to be contiguous, and OpenVINO asks for the right to write into it. A request holds no
        # reference to it: an array that was copied for it has to live here until the request has run.
        shared = {name: np.require(array, requirements=("C", "W")) for name, array in feeds.items()} | dict(outputs)
        for name, array in shared.items():
            request.set_tensor(name, self._tensor(array, shared_memory=True))
        request.infer()
        return request

    def _check(self, feeds: Mapping[str, Array]) -> None:
        """Refuse what OpenVINO would answer without a word: inputs that are not there, indices outside a table."""
        if feeds.keys() != self._inputs:
            got, expected = (", ".join(sorted(names)) for names in (feeds, self._inputs))
            raise BackendError(f"openvino got the inputs {got}, expected {expected}")
        for name, rows in self._rows.items():
            low, high = feeds[name].min(initial=0), feeds[name].max(initial=0)
            if low < 0 or high >= rows:
                raise BackendError(f"{name} holds {low if low < 0 else high}, expected 0 to {rows - 1}")


def _check_rows(feeds: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
    """Refuse batches of different sizes: with one CPU, OpenVINO computes something from them without a word."""
    ids = feeds.get("input_ids")
    if ids is None or ids.ndim < 2:
        return
    rows = {name: feeds[name] for name in ("attention_mask", "token_type_ids") if name in feeds} | dict(outputs)
    wrong = [f"{name} has the shape {array.shape}" for name, array in rows.items() if array.shape[:1] != ids.shape[:1]]
    if wrong:
        raise BackendError(
            f"openvino could not run the graph: {', '.join(wrong)}, expected as many rows as input_ids has: {len(ids)}"
        )


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """What OpenVINO raises, as an error of ours."""
    try:
        yield
    except BackendError:
        raise
    except Exception as error:  # openvino raises RuntimeError for everything, and its bindings TypeError
        raise BackendError(f"openvino could not run the graph: {_reason(error)}") from error


def _arithmetic(precision: str, capabilities: Sequence[str]) -> str:
    """What is asked of OpenVINO on a CPU with these capabilities: f32, or bf16 where the CPU has it."""
    wanted = ARITHMETIC[precision]
    if wanted != "bf16" or "BF16" in capabilities:
        return wanted
    if precision == "bf16":
        warnings.warn(
            "this CPU has no bf16 arithmetic: the bf16 artefact runs in f32, no less exact but slower", stacklevel=3
        )
    return "f32"


def _group(model: Any) -> int:
    """How many numbers of a token share a scale where weights alone are int8: as many as the network is wide, so that a
    token's state has one. OpenVINO takes multiples of 64 that the narrowest product holds, and rounds nothing
    otherwise. Measured: docs/decisions/int8-openvino.md."""
    stored = [node for node in model.get_ops() if node.get_type_name() == "Constant" and len(node.shape) == 2]
    widths = [node.shape[0] for node in stored if node.get_element_type().get_type_name() == "i8"]
    return max(_UNIT, min(widths, default=_UNIT) // _UNIT * _UNIT)


def _settings(arithmetic: str, threads: int, cache: Path | None) -> dict[str, object]:
    """OpenVINO's properties."""
    streams = max(1, available_cpus() // threads)
    settings: dict[str, object] = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": arithmetic,
        "INFERENCE_NUM_THREADS": threads * streams,
        "NUM_STREAMS": streams,
        "ENABLE_CPU_PINNING": False,  # pinned, two processes would share the first CPUs and leave the others idle
    }
    return settings if cache is None else {**settings, "CACHE_DIR": str(cache)}


def _reason(error: Exception) -> str:
    """The last line of OpenVINO's message: those before it name places in its own sources."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
