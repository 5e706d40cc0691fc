"""What the classification heads check: that labels are there, and that logits are finite and belong to them."""

from __future__ import annotations

import numpy as np

from bert_runtime.errors import BackendError, BundleError, Problem
from bert_runtime.tasks.task import FloatArray, HeadSettings, Outputs


def require_labels(task: str, settings: HeadSettings) -> tuple[str, ...]:
    """The bundle's labels.

    Raises:
        BundleError: there are none, or one of them is blank.
    """
    blank = [i for i, label in enumerate(settings.labels) if not label.strip()]
    if not settings.labels or blank:
        got = f"blank labels at {blank}" if blank else "no labels"
        raise BundleError(
            Problem(
                "missing-key",
                "settings.labels",
                f"{task}: got {got}, expected a name for each logit; set id2label and export the bundle again",
            )
        )
    return settings.labels


def labelled_logits(outputs: Outputs, labels: tuple[str, ...], tokens: int | None = None) -> FloatArray:
    """The output `logits` of one row, checked: float of shape (labels,), or (tokens, labels) where `tokens` is given.

    Raises:
        BackendError: the shape is another one, or a logit is not finite: no score could be made of it.
    """
    logits = outputs["logits"]
    expected = (len(labels),) if tokens is None else (tokens, len(labels))
    if logits.shape != expected:
        raise BackendError(
            f"the model's logits have shape {logits.shape}, expected {expected} for {len(labels)} labels; "
            "the artefact and the manifest do not belong together: export the bundle again"
        )
    broken = int(logits.size - np.count_nonzero(np.isfinite(logits)))
    if broken:
        raise BackendError(
            f"{broken} of {logits.size} logits are not finite, expected numbers; the artefact overflows on this input: "
            "use an fp32 artefact or export again"
        )
    return logits
