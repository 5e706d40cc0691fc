"""Text classification: one label, several labels or a value for a text or a pair of texts."""

from __future__ import annotations

import math
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from bert_runtime.errors import BundleError, InputError, Problem
from bert_runtime.tasks.activation import ACTIVATIONS, Activation, activation_of, misfit
from bert_runtime.tasks.labels import labelled_logits, require_labels
from bert_runtime.tasks.request import Request
from bert_runtime.tasks.result import Result
from bert_runtime.tasks.scores import top
from bert_runtime.tasks.task import Encoded, Features, FloatArray, Head, HeadSettings, Outputs, Reads, Task
from bert_runtime.tasks.tensors import TensorSpec
from bert_runtime.text import TextEncoder

NAME = "text-classification"


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


@dataclass(frozen=True)
class EncodedText(Encoded):
    """A text as one row, and whether it had to be cut."""

    truncated: bool


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


class TextClassificationHead(Head[TextClassificationRequest, EncodedText, TextClassificationResult]):
    """Equal to transformers' text-classification pipeline with the same function to apply."""

    def __init__(self, text: TextEncoder, settings: HeadSettings) -> None:
        """Raises BundleError where labels, problem type or activation are missing or do not fit each other."""
        super().__init__(text, settings)
        self.labels = require_labels(NAME, settings)
        self.answer = _answer(settings.problem_type)
        self.activation = _activation(settings)

    @property
    def result_type(self) -> type[TextClassificationResult]:
        """The class of the bundle's problem type."""
        return cast(type[TextClassificationResult], typing.get_type_hints(self.answer)["return"])

    @property
    def row_columns(self) -> tuple[str, ...]:
        """The best label and its score; of a regression with one label, its value; else the lists."""
        if self.result_type is SingleLabelResult:
            return ("label", "score", "truncated")
        is_one_value = self.result_type is RegressionResult and len(self.labels) == 1
        return ("value", "truncated") if is_one_value else super().row_columns

    def encode(self, request: TextClassificationRequest) -> EncodedText:
        """One row; texts that do not fit are cut.

        Raises:
            InputError: the request's activation means nothing for so few labels.
        """
        reason = misfit(request.activation, len(self.labels)) if request.activation else None
        if reason:
            raise InputError([Problem("contradiction", "activation", f"activation: {reason}; give none or sigmoid")])
        first = self.text.pieces(request.text)
        second = self.text.pieces(request.text_pair) if request.text_pair else None
        truncated = len(first) + len(second or ()) > self.text.room(second is not None)
        row = self.text.row(*self.text.truncate(first, second))
        return EncodedText((Features(row.ids, row.type_ids, np.ones_like(row.ids)),), truncated)

    def decode(
        self, request: TextClassificationRequest, encoded: EncodedText, outputs: Sequence[Outputs]
    ) -> TextClassificationResult:
        """The result class of the bundle's problem type.

        Raises:
            BackendError: logits that are not finite, or not one for each label.
        """
        logits = labelled_logits(outputs[0], self.labels)
        activation = ACTIVATIONS[request.activation or self.activation]
        return self.answer(Scored(request, logits, activation, self.labels, encoded.truncated))


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


def _answer(problem_type: str | None) -> Callable[[Scored], TextClassificationResult]:
    if problem_type is None or problem_type not in PROBLEM_TYPES:
        names = ", ".join(PROBLEM_TYPES)
        raise BundleError(
            Problem(
                "wrong-value",
                "settings.problem_type",
                f"{NAME}: problem_type is {problem_type!r}, expected one of {names}; export the bundle again",
            )
        )
    return PROBLEM_TYPES[problem_type]


def _activation(settings: HeadSettings) -> str:
    name = activation_of(settings)
    if name is None or name not in ACTIVATIONS:
        names = ", ".join(ACTIVATIONS)
        raise BundleError(
            Problem(
                "wrong-value",
                "settings.activation",
                f"{NAME}: activation is {name!r}, expected one of {names}; export the bundle again",
            )
        )
    reason = misfit(name, len(settings.labels))
    if reason:
        raise BundleError(
            Problem(
                "contradiction",
                "settings.activation",
                f"{NAME}: activation: {reason}; export with the activation sigmoid or none",
            )
        )
    return name


TEXT_CLASSIFICATION = Task(
    name=NAME,
    aliases=("seqcls",),
    model_class="BertForSequenceClassification",
    reads=Reads.FIRST_TOKEN,
    outputs=(TensorSpec("logits", "float32", ("batch", "labels")),),
    request=TextClassificationRequest,
    head=TextClassificationHead,
    settings=("labels", "problem_type", "activation"),
    examples=(
        {"text": "A warm, funny and thoroughly engaging film."},
        {"text": "I would not recommend this to anyone.", "top_k": 1},
        {"text": "Das Café am Marktplatz ist überraschend günstig – très bien !", "threshold": 0.25},
        {"text": "今日はとても楽しかったです。"},
        {"text": "Worst. Update. Ever. 😡😡 #fail https://example.org/a?b=c", "top_k": 2},
        {"text": "A man is playing a guitar.", "text_pair": "Somebody makes music."},
        {"text": "Ist das wahr?", "text_pair": "Это правда."},
        {"text": "The plot wanders, the acting is uneven, and yet the ending stays with you. " * 50},
        {"text": "Short question?", "text_pair": "A very long answer that goes on and on. " * 80},
        {"text": ""},
    ),
)
