"""Whether a session answers at all, and as torch did: asked before `load` gives it away."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bert_runtime import bundle as bundles
from bert_runtime import canaries_json
from bert_runtime.canaries import agreement, bound_of, oracle_of
from bert_runtime.errors import BackendError
from bert_runtime.manifest import Artefact
from bert_runtime.session import Session

_SIZES = {"batch": 2, "sequence": 4, "choices": 2, "masks": 1, "past": 1, "total": 5, "source": 4, "sources": 2}
"""Of a small batch, where an axis belongs to the request."""


def check_canaries(bundle: bundles.Bundle, session: Session[Any, Any]) -> None:
    """Ask the bundle's canaries.

    Raises:
        BackendError: the session does not answer as torch did.
        BundleError: the bundle has none.
    """
    held, bound = canaries_json.read(bundle), bound_of(canaries_json.bounds_of(bundle), session.artefact.target)
    found = agreement(session, held)
    if bound is not None and not bound.holds(found):
        name = f"{session.artefact.target} {session.artefact.precision} on {session.engine.name}"
        advice = "run bert-doctor on the bundle to see which of its artefacts do, or export it again here"
        verdict = bound.verdict(found, oracle_of(bundle.manifest.provenance))
        raise BackendError(f"{bundle.directory}: {name} {verdict}; {advice}")


def check_first_answer(bundle: bundles.Bundle, session: Session[Any, Any]) -> None:
    """Ask an engine on a GPU a small batch: one may start without code for the GPU, and fail in its first kernel. The
    canaries, where the bundle has them; else a batch of padding, whose answer is some numbers.

    Raises:
        BackendError: it fails, gives numbers that are not finite, or does not answer the canaries as torch did.
    """
    if canaries_json.NAME in bundle.manifest.files:
        check_canaries(bundle, session)
        return
    artefact = session.right_padded or session.artefact
    outputs = session.engine.run(_small_batch(artefact, bundle), [spec.name for spec in artefact.outputs])
    odd = [name for name, values in outputs.items() if not np.isfinite(values).all()]
    if odd:
        raise BackendError(
            f"{bundle.directory}: {session.engine.name} answers a small batch with {', '.join(odd)} not finite, "
            "expected numbers; name another target, or export the bundle again"
        )


def _small_batch(artefact: Artefact, bundle: bundles.Bundle) -> dict[str, NDArray[Any]]:
    """Feeds of the first token of the vocabulary, none of it masked."""
    sizes = {**bundle.manifest.sizes, **_SIZES}
    return {
        spec.name: np.full([sizes[axis] for axis in spec.axes], spec.name.endswith("mask"), dtype=spec.dtype)
        for spec in artefact.inputs
    }
