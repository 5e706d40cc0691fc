"""ONNX Runtime, without a silent change of package or provider; and its engine on the CPU."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bert_runtime.backends.by_load import EngineByLoad
from bert_runtime.backends.engine import Array, Engine
from bert_runtime.backends.options import EngineOptions
from bert_runtime.errors import BackendError, BundleError, Problem
from bert_runtime.machine.packages import onnxruntime_packages
from bert_runtime.machine.requirements import CONFLICT, known_faults
from bert_runtime.manifest import Artefact
from bert_runtime.process import Process

TELEMETRY = "ORT_DISABLE_TELEMETRY"
"""What ONNX Runtime reads when it starts: packages of 1.31 keep a number for the device and a database of events in the
home directory, to report their use to their makers. `disable_telemetry_events` comes too late for either."""


def installed_packages() -> list[str]:
    """Which of the packages that provide `import onnxruntime` lie in the folder that it takes: exactly one should."""
    return [*onnxruntime_packages([folder for folder in sys.path if folder])]


def import_onnxruntime() -> Any:
    """The onnxruntime module, without its telemetry, unless the environment says something about that already.

    Raises:
        BackendError: none of the packages is installed, or two that overwrite each other's files are.
    """
    packages = installed_packages()
    if len(packages) > 1:
        raise BackendError(str(CONFLICT))
    os.environ.setdefault(TELEMETRY, "1")
    try:
        import onnxruntime  # noqa: PLC0415 - half of this package's import time; a missing one must be explained
    except ImportError as error:
        raise BackendError(
            f"onnxruntime cannot be imported ({error}); run `pip install 'bert-export[cpu]'`, or 'bert-export[gpu]' "
            "for a machine with an NVIDIA GPU"
        ) from error
    _warn_of_known_faults(packages[0] if packages else "onnxruntime", onnxruntime.__version__)
    return onnxruntime


@functools.cache
def _warn_of_known_faults(package: str, version: str) -> None:
    """Once in a process; no error, for a bundle's own checks refuse what these faults let through."""
    finding = known_faults(package, version)
    if finding is not None:
        warnings.warn(str(finding), stacklevel=2)


def session_options(module: Any, threads: int, spins: bool = True) -> Any:
    """ONNX Runtime's options of a session whose calls use `threads` threads each; `module` is onnxruntime.

    Args:
        spins: whether a thread that waits for its part of an operator keeps its CPU busy meanwhile.
    """
    options = module.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # errors come back as exceptions; twice would be noise
    if not spins:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


@contextlib.contextmanager
def refusals() -> Iterator[None]:
    """What ONNX Runtime raises, as an error of ours."""
    try:
        yield
    except BackendError:
        raise
    except Exception as error:  # onnxruntime's own exceptions have no public common class but Exception
        raise BackendError(f"onnxruntime could not run the graph: {first_line(error)}") from error


class OrtEngine:
    """A session of ONNX Runtime on whichever provider it was opened with, as an Engine."""

    def __init__(self, session: Any, name: str) -> None:
        """`session` is open; see Engine for `name`."""
        self._session = session
        self.name = name
        self._process = Process()
        self._process.keep(session)

    def run(self, feeds: Mapping[str, Array], fetch: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """See Engine. The lock of the Python interpreter is released while the graph runs."""
        session = self.opened()
        with refusals():
            values = session.run(list(fetch), dict(feeds))
        return dict(zip(fetch, values, strict=True))

    def run_into(self, feeds: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        """See Engine. The binding belongs to this call, so that several threads may be in it."""
        session = self.opened()
        with refusals():
            binding = session.io_binding()
            for name, array in feeds.items():
                binding.bind_input(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
            for name, array in outputs.items():
                binding.bind_output(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
            session.run_with_iobinding(binding)

    def close(self) -> None:
        """See Engine."""
        self._session = None
        self._process.release()

    def opened(self) -> Any:
        """The session; a BackendError once it is closed, and in a process that was forked from the one it is of."""
        self._process.check()
        session = self._session  # another thread may close the engine meanwhile
        if session is None:
            raise BackendError("the session is closed; load the bundle again")
        return session


def start(directory: Path, artefact: Artefact, options: EngineOptions) -> Engine:
    """The engine of an artefact in the bundle at `directory`, loaded."""
    file = directory / artefact.file
    if options.concurrency == 1:
        return OnnxRuntimeEngine(file, options.threads)
    wide = OnnxRuntimeEngine(file, options.threads, spins=False)
    return EngineByLoad(wide, OnnxRuntimeEngine(file, 1), options.concurrency)


class OnnxRuntimeEngine(OrtEngine):
    """One ONNX file on ONNX Runtime's CPU provider."""

    def __init__(self, model: Path, threads: int, spins: bool = True) -> None:
        """Load `model`; one call of `run` uses `threads` threads; for `spins` see `session_options`.

        Raises:
            BackendError: onnxruntime is missing or in conflict.
            BundleError: onnxruntime cannot load the file.
        """
        onnxruntime = import_onnxruntime()
        provider = "CPUExecutionProvider"
        options = session_options(onnxruntime, threads, spins)
        options.enable_mem_pattern = False  # it keeps a block of memory for each shape, and batches have many
        try:
            session = onnxruntime.InferenceSession(str(model), options, providers=[provider])
        except Exception as error:  # onnxruntime's own exceptions have no public common class but Exception
            raise BundleError(
                Problem(
                    "bad-graph",
                    model.name,
                    f"{model.name}: onnxruntime {onnxruntime.__version__} cannot load it: {first_line(error)}; "
                    "export the bundle again, or install the onnxruntime it was made with",
                )
            ) from error
        super().__init__(session, f"onnxruntime {onnxruntime.__version__} {provider}")


def first_line(error: Exception) -> str:
    """The first line of an error's text, or its class where it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
