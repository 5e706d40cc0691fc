"""What is asked of a text classifier."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bert_runtime.errors import Problem
from bert_runtime.tasks.activation import ACTIVATIONS
from bert_runtime.tasks.request import Request


@dataclass(frozen=True)
class TextClassificationRequest(Request):
    """A text, or a pair of texts, to classify.

    Attributes:
        text, text_pair: what does not fit the model is cut, the end of the longer text first. An empty text has an
            answer as any other, from its special tokens; an empty text_pair counts as none, as in the pipeline.
        top_k: at most so many labels, best first; None for all of them. A regression gives all its values.
        threshold: the least probability, 0..1, of a label that a multi-label model answers; other problem types have
            none. That of a raw logit is its sigmoid.
        activation: none, sigmoid or softmax: turns the logits into scores; None for the bundle's.
    """

    text: str
    text_pair: str | None = None
    top_k: int | None = None
    threshold: float = 0.5
    activation: str | None = None

    def problems(self) -> Iterator[str]:
        if self.top_k is not None and self.top_k < 1:
            yield Problem("out-of-range", "top_k", f"top_k is {self.top_k}, expected 1 or more, or none for all labels")
        if not 0 <= self.threshold <= 1:
            yield Problem("out-of-range", "threshold", f"threshold is {self.threshold}, expected a score in 0..1")
        if self.activation is not None and self.activation not in ACTIVATIONS:
            yield Problem(
                "not-a-choice",
                "activation",
                f"activation is {self.activation!r}, expected one of {', '.join(ACTIVATIONS)}, or none given",
            )
