"""What a text classifier answers: a class for each problem type."""

from __future__ import annotations

from dataclasses import dataclass

from bert_runtime.tasks.result import Result


@dataclass(frozen=True)
class LabelScore(Result):
    """A label and what the activation makes of its logit: a probability in 0..1, but of the activation `none`."""

    label: str
    score: float


@dataclass(frozen=True)
class LabelValue(Result):
    """A label and the value that a regression gives it: the logit, where the activation is `none`."""

    label: str
    value: float


@dataclass(frozen=True)
class SingleLabelResult(Result):
    """Labels that exclude each other, best first: `labels[0]` is the answer. By default scores are a softmax over all.

    A cross-encoder has one label, whose score is the answer.
    `truncated` says that the text was longer than the model and its end was not read.
    """

    labels: tuple[LabelScore, ...]
    truncated: bool

    @property
    def label(self) -> str:
        """That of the highest score."""
        return self.labels[0].label

    @property
    def score(self) -> float:
        """The highest score."""
        return self.labels[0].score


@dataclass(frozen=True)
class MultiLabelResult(Result):
    """Labels that reach the threshold, best first (perhaps none), and the score of every label, best first.

    By default a score is the sigmoid of its logit.
    `truncated` says that the text was longer than the model and its end was not read.
    """

    labels: tuple[LabelScore, ...]
    scores: tuple[LabelScore, ...]
    truncated: bool


@dataclass(frozen=True)
class RegressionResult(Result):
    """The values that the model gives, in the order of its labels.

    `truncated` says that the text was longer than the model and its end was not read.
    """

    values: tuple[LabelValue, ...]
    truncated: bool

    @property
    def value(self) -> float:
        """That of the first label, which most regressions have alone."""
        return self.values[0].value


TextClassificationResult = SingleLabelResult | MultiLabelResult | RegressionResult
