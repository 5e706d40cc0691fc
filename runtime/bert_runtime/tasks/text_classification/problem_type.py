"""From logits to the result of a problem type: single label, multi label or regression."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bert_runtime.tasks.activation import Activation
from bert_runtime.tasks.scores import top
from bert_runtime.tasks.task import FloatArray
from bert_runtime.tasks.text_classification.request import TextClassificationRequest
from bert_runtime.tasks.text_classification.result import (
    LabelScore,
    LabelValue,
    MultiLabelResult,
    RegressionResult,
    SingleLabelResult,
    TextClassificationResult,
)


@dataclass(frozen=True)
class Scored:
    """The logits of a text, float of shape (labels,), with all that makes an answer of them."""

    request: TextClassificationRequest
    logits: FloatArray
    activation: Activation
    labels: tuple[str, ...]
    truncated: bool

    def ranked(self, least: float = -math.inf) -> tuple[LabelScore, ...]:
        """The labels with a probability of `least` or more, best first; equal scores keep the order of the labels."""
        scores, probabilities = self.activation.scores(self.logits), self.activation.probabilities(self.logits)
        best = (i for i in top(scores, len(scores)) if probabilities[i] >= least)
        return tuple(LabelScore(self.labels[i], float(scores[i])) for i in best)


def single_label(scored: Scored) -> SingleLabelResult:
    """The labels with the highest scores."""
    return SingleLabelResult(scored.ranked()[: scored.request.top_k], scored.truncated)


def multi_label(scored: Scored) -> MultiLabelResult:
    """The labels whose probability reaches the threshold."""
    reached = scored.ranked(scored.request.threshold)
    return MultiLabelResult(reached[: scored.request.top_k], scored.ranked(), scored.truncated)


def regression(scored: Scored) -> RegressionResult:
    """The scores in the order of the labels."""
    scores = scored.activation.scores(scored.logits)
    values = (LabelValue(label, float(value)) for label, value in zip(scored.labels, scores, strict=True))
    return RegressionResult(tuple(values), scored.truncated)


PROBLEM_TYPES: Mapping[str, Callable[[Scored], TextClassificationResult]] = {
    "single_label_classification": single_label,
    "multi_label_classification": multi_label,
    "regression": regression,
}
