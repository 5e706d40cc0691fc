"""Which artefact of a bundle runs here: the best one that this machine can really run, or the one that was named."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bert_runtime.backends import openvino
from bert_runtime.backends.engine import Engine
from bert_runtime.backends.onnxruntime import OnnxRuntimeEngine
from bert_runtime.backends.openvino import OpenVinoEngine
from bert_runtime.errors import BackendError
from bert_runtime.manifest import Artefact, Manifest

Start = Callable[[Path, Artefact, int, Path | None], Engine]
"""(the bundle's directory, artefact, threads of one call, folder for what is compiled of it) -> the engine, loaded."""


def _onnxruntime(directory: Path, artefact: Artefact, threads: int, _cache: Path | None) -> Engine:
    return OnnxRuntimeEngine(directory / artefact.file, threads)


def _openvino(directory: Path, artefact: Artefact, threads: int, cache: Path | None) -> Engine:
    return OpenVinoEngine(directory / artefact.file, artefact.precision, threads, cache)


ENGINES: Mapping[str, Start] = {"openvino": _openvino, "cpu": _onnxruntime, "portable": _onnxruntime}
"""The targets that this version of the runtime has an engine for, of equal precisions the fastest first."""

OPTIONAL: Mapping[str, Callable[[], bool]] = {"openvino": openvino.is_installed}
"""Target -> whether the package of its engine, the extra of the same name, is installed."""

PRECISIONS = ("int8", "bf16", "fp32", "fp16")
"""The fastest on a CPU first."""


@dataclass(frozen=True)
class Choice:
    """An artefact, and what starts an engine for it: its target's own, or ONNX Runtime where no own one is here."""

    artefact: Artefact
    start: Start


def select(manifest: Manifest, target: str) -> Choice:
    """The artefact for `target`; `auto` takes the best that runs here, and warns where a better one does not.

    Raises:
        BackendError: the bundle holds no artefact for a named target, or no engine of this runtime runs it. A named
            target never falls back to another.
    """
    held = {artefact.target: artefact for artefact in manifest.artefacts}
    if target == "auto":
        return _best(manifest)
    if target not in held:
        raise BackendError(
            f"target {target!r} was asked for, but the bundle holds {', '.join(held)}; load one of these or "
            f"export it again with --target {target}"
        )
    if target not in ENGINES:
        raise BackendError(f"target {target!r}: this runtime runs {', '.join(ENGINES)}; use one of these targets")
    return Choice(held[target], ENGINES[target])


def start(directory: Path, artefact: Artefact, threads: int, cache: Path | None = None) -> Engine:
    """The engine of the artefact's own target, loaded; ONNX Runtime's CPU provider for a target that has none here."""
    return ENGINES.get(artefact.target, _onnxruntime)(directory, artefact, threads, cache)


def _best(manifest: Manifest) -> Choice:
    ranked = sorted((artefact for artefact in manifest.artefacts if artefact.target in ENGINES), key=_rank)
    missing = [artefact for artefact in ranked if not OPTIONAL.get(artefact.target, lambda: True)()]
    present = [artefact for artefact in ranked if artefact not in missing]
    choice = Choice(present[0], ENGINES[present[0].target]) if present else Choice(manifest.artefacts[0], _onnxruntime)
    install = f"run `pip install 'bert-export[{missing[0].target}]'`" if missing else ""
    if not present:
        held = ", ".join(artefact.target for artefact in manifest.artefacts)
        cure = f"; {install} for the engine that it was made for" if missing else ""
        _warn(
            f"the bundle holds only {held}; its {choice.artefact.target} file runs on ONNX Runtime's CPU provider here,"
            f" slower than `bert-export --target cpu` would make it{cure}"
        )
    elif missing and _rank(missing[0]) < _rank(choice.artefact):
        passed, taken = (f"{artefact.target} {artefact.precision}" for artefact in (missing[0], choice.artefact))
        _warn(
            f"the bundle's {passed} artefact is faster, but the package of its engine is not installed: {taken} runs; "
            f"{install}, or name the target {choice.artefact.target}"
        )
    return choice


def _rank(artefact: Artefact) -> tuple[int, int]:
    return PRECISIONS.index(artefact.precision), list(ENGINES).index(artefact.target)


def _warn(message: str) -> None:
    warnings.warn(message, stacklevel=6)  # the caller of `load`
