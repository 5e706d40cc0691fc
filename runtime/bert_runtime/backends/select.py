"""Which artefact of a bundle runs here: the best one that this machine can really run, or the one that was named."""

from __future__ import annotations

import warnings
from pathlib import Path

from bert_runtime.backends.engine import Engine
from bert_runtime.backends.onnxruntime import OnnxRuntimeEngine
from bert_runtime.errors import BackendError
from bert_runtime.manifest import Artefact, Graph, Manifest

RUNNABLE = ("cpu", "portable")
"""The targets that this version of the runtime has an engine for, best first."""


def select(manifest: Manifest, target: str) -> Artefact:
    """The artefact for `target`; `auto` takes the best that runs here.

    Raises:
        BackendError: the bundle holds no artefact for a named target, or no engine of this runtime runs it. A named
            target never falls back to another.
    """
    held = {artefact.target: artefact for artefact in manifest.artefacts}
    if target != "auto":
        if target not in held:
            raise BackendError(
                f"target {target!r} was asked for, but the bundle holds {', '.join(held)}; load one of these or "
                f"export it again with --target {target}"
            )
        if target not in RUNNABLE:
            raise BackendError(f"target {target!r}: this runtime runs {', '.join(RUNNABLE)}; use one of these targets")
        return held[target]
    for candidate in RUNNABLE:
        if candidate in held:
            return held[candidate]
    artefact = manifest.artefacts[0]
    warnings.warn(
        f"the bundle holds only {', '.join(held)}; its {artefact.target} file runs on the CPU here, slower than "
        "`bert-export --target cpu` would make it",
        stacklevel=4,
    )
    return artefact


def start(directory: Path, graph: Artefact | Graph, threads: int) -> Engine:
    """The engine for an artefact, or for its source, loaded."""
    return OnnxRuntimeEngine(directory / graph.file, threads)
