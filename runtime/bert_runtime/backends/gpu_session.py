"""Opening a session on a GPU: the libraries first, no falling back, and the proof after it."""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bert_runtime.backends.assignment import RECORD, check_assignment
from bert_runtime.backends.onnxruntime import first_line, session_options
from bert_runtime.errors import BackendError
from bert_runtime.machine.driver import LIBRARY as DRIVER
from bert_runtime.machine.system import System
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


def preload(system: System, target: Target) -> None:
    """Open the libraries that the target's provider is linked to and those that it opens later, where `system` found
    them: a provider finds by name what is open already, also in folders where the dynamic loader does not look.

    NVIDIA's libraries are linked to one another: what cannot be opened is tried again after the others.

    Raises:
        BackendError: one of those that the provider is linked to cannot be opened.
    """
    assert target.provider is not None
    needs = system.needs.get(target.name, ())
    failures = _opened([file for file in system.files((*needs, *target.provider.opened_late)) if file.name != DRIVER])
    needed = set(system.files(needs))
    faults = [f"{file} cannot be loaded: {why}" for file, why in failures.items() if file in needed]
    if faults:
        raise BackendError(f"{'; '.join(faults)}; {_CURE}")
    for file, why in failures.items():
        _log.warning("%s cannot be loaded: %s", file, why)


def _opened(libraries: Sequence[Path]) -> dict[Path, str]:
    """Those that cannot be opened, with the reason, once as many are as can be."""
    failures: dict[Path, str] = {}
    for library in libraries:
        try:
            ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
        except OSError as error:
            failures[library] = str(error)
    return failures if len(failures) in (0, len(libraries)) else _opened(list(failures))
