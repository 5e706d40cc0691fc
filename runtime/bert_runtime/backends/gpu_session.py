"""Opening a session on a GPU: the libraries first, no falling back, and the proof after it."""

from __future__ import annotations

import contextlib
import ctypes
import io
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bert_runtime.backends.assignment import RECORD, check_assignment
from bert_runtime.backends.onnxruntime import first_line, session_options
from bert_runtime.errors import BackendError
from bert_runtime.targets import Target

CPU = "CPUExecutionProvider"

_CURE = "run `bert-doctor`, which names what is missing, or load another target"

_log = logging.getLogger("bert_runtime")

Provider = tuple[str, dict[str, Any]]


def provider_of(target: Target) -> str:
    """The name of the execution provider that a GPU target runs on."""
    assert target.provider is not None
    return target.provider.name


def open_gpu_session(module: Any, model: Path, providers: Sequence[Provider], threads: int) -> Any:
    """A session of `module` (onnxruntime) whose network is on the first of `providers`.

    Raises:
        BackendError: the package has no such provider, it cannot be started, or it did not take the whole network.
    """
    wanted = providers[0][0]
    if wanted not in module.get_available_providers():
        raise BackendError(
            f"onnxruntime {module.__version__} has no {wanted}, only {', '.join(module.get_available_providers())}; "
            "run `pip uninstall onnxruntime`, then `pip install 'bert-export[gpu]'`"
        )
    _preload_wheels(module)
    options = session_options(module, threads)
    options.add_session_config_entry(RECORD, "1")
    try:
        # The CPU's provider is there for the arithmetic of shapes; `check_assignment` refuses it anything else.
        # Without enable_fallback=0, onnxruntime's Python part opens a second session without the provider that failed.
        session = module.InferenceSession(str(model), options, providers=[*providers, (CPU, {})], enable_fallback=0)
    except Exception as error:  # onnxruntime's own exceptions have no public common class but Exception
        raise BackendError(f"{model.name}: {wanted} cannot be started: {first_line(error)}; {_CURE}") from error
    check_assignment(session, wanted, _CURE)
    return session


def _preload_wheels(module: Any) -> None:
    """Let onnxruntime open the libraries of NVIDIA's wheels, which lie where the dynamic loader does not look.

    It prints what it does not find to standard output, where answers go: that is logged instead.
    """
    if not hasattr(module, "preload_dlls"):  # before 1.21
        return
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        module.preload_dlls()
    if printed.getvalue():
        _log.info("onnxruntime.preload_dlls: %s", printed.getvalue().strip())


def preload(libraries: Iterable[Path]) -> None:
    """Open shared libraries for the whole process, so that a provider linked to them finds them by name.

    Raises:
        BackendError: one of them cannot be loaded.
    """
    for library in libraries:
        try:
            ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
        except OSError as error:
            raise BackendError(f"{library} cannot be loaded: {error}; {_CURE}") from error
