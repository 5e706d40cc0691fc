"""What makes scores of a text classifier's logits: nothing, a sigmoid of each, or a softmax over all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bert_runtime.tasks.scores import Floats, sigmoid, softmax
from bert_runtime.tasks.task import HeadSettings

Scores = NDArray[np.float64]


def _unchanged(logits: Floats) -> Scores:
    return logits.astype(np.float64)


@dataclass(frozen=True)
class Activation:
    """A function from logits to scores, both of shape (labels,).

    Attributes:
        scores: the function; scores are float64.
        probabilities: what a threshold in 0..1 is compared with: the scores, or of raw logits their sigmoid.
        least_labels: so many labels it needs to say anything.
    """

    scores: Callable[[Floats], Scores]
    probabilities: Callable[[Floats], Scores]
    least_labels: int = 1


ACTIVATIONS: Mapping[str, Activation] = {
    "none": Activation(_unchanged, sigmoid),
    "sigmoid": Activation(sigmoid, sigmoid),
    # A softmax over one logit is always 1.
    "softmax": Activation(softmax, softmax, least_labels=2),
}

DEFAULTS: Mapping[str, str] = {
    "single_label_classification": "softmax",
    "multi_label_classification": "sigmoid",
    "regression": "none",
}
"""Problem type -> its activation where the settings name none."""


def activation_of(settings: HeadSettings) -> str | None:
    """The activation of a head: the one that its settings name, else the default; None where a task has none."""
    if settings.activation is not None:
        return settings.activation
    return DEFAULTS.get(settings.problem_type or "")


def misfit(name: str, labels: int) -> str | None:
    """Why an activation of ACTIVATIONS means nothing for so many labels; None where it does mean something."""
    least = ACTIVATIONS[name].least_labels
    return f"{name} over {labels} label is always 1, expected at least {least} labels" if labels < least else None
