"""Text classification: one label, several labels or a value for a text or a pair of texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bert_runtime.errors import BundleError
from bert_runtime.tasks.labels import labelled_logits, require_labels
from bert_runtime.tasks.request import Request
from bert_runtime.tasks.scores import Floats, sigmoid, softmax, top
from bert_runtime.tasks.task import Encoded, Features, FloatArray, Head, HeadSettings, Outputs, Reads, Task, TensorSpec
from bert_runtime.text import TextEncoder

NAME = "text-classification"


@dataclass(frozen=True)
class TextClassificationRequest(Request):
    """A text, or a pair of texts, to classify.

    Attributes:
        text, text_pair: what does not fit the model is cut, the end of the longer text first. An empty text has an
            answer as any other, from its special tokens; an empty text_pair counts as none, as in the pipeline.
        top_k: at most so many labels, best first; None for all of them. A regression gives all its values.
        threshold: the least score, 0..1, of a label that a multi-label model answers; other problem types have none.
    """

    text: str
    text_pair: str | None = None
    top_k: int | None = None
    threshold: float = 0.5

    def problems(self) -> Iterator[str]:
        if self.top_k is not None and self.top_k < 1:
            yield f"top_k is {self.top_k}, expected 1 or more, or none for all labels"
        if not 0 <= self.threshold <= 1:
            yield f"threshold is {self.threshold}, expected a score in 0..1"


@dataclass(frozen=True)
class LabelScore:
    """A label and its probability in 0..1."""

    label: str
    score: float


@dataclass(frozen=True)
class LabelValue:
    """A label and the raw value that a regression gives it."""

    label: str
    value: float


@dataclass(frozen=True)
class SingleLabelResult:
    """Labels that exclude each other, best first: `labels[0]` is the answer. Scores are a softmax over all labels.

    `truncated` says that the text was longer than the model and its end was not read.
    """

    labels: tuple[LabelScore, ...]
    truncated: bool


@dataclass(frozen=True)
class MultiLabelResult:
    """Labels that reach the threshold, best first (perhaps none), and the sigmoid score of every label, best first.

    `truncated` says that the text was longer than the model and its end was not read.
    """

    labels: tuple[LabelScore, ...]
    scores: tuple[LabelScore, ...]
    truncated: bool


@dataclass(frozen=True)
class RegressionResult:
    """The values that the model gives, in the order of its labels.

    `truncated` says that the text was longer than the model and its end was not read.
    """

    values: tuple[LabelValue, ...]
    truncated: bool


TextClassificationResult = SingleLabelResult | MultiLabelResult | RegressionResult


@dataclass(frozen=True)
class EncodedText(Encoded):
    """A text as one row, and whether it had to be cut."""

    truncated: bool


@dataclass(frozen=True)
class ProblemType:
    """How a problem type reads its logits, and how many labels it needs to mean anything."""

    answer: Callable[[TextClassificationRequest, FloatArray, tuple[str, ...], bool], TextClassificationResult]
    least_labels: int


class TextClassificationHead(Head[TextClassificationRequest, EncodedText, TextClassificationResult]):
    """Equal to transformers' text-classification pipeline with softmax, sigmoid or no function, by problem type."""

    def __init__(self, text: TextEncoder, settings: HeadSettings) -> None:
        """Raises BundleError where labels or the problem type are missing or do not fit each other."""
        super().__init__(text, settings)
        self.labels = require_labels(NAME, settings)
        self.problem = _problem_type(settings.problem_type, len(self.labels))

    def encode(self, request: TextClassificationRequest) -> EncodedText:
        """One row; texts that do not fit are cut."""
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
        return self.problem.answer(request, logits, self.labels, encoded.truncated)


def single_label(
    request: TextClassificationRequest, logits: FloatArray, labels: tuple[str, ...], truncated: bool
) -> SingleLabelResult:
    """The best labels by softmax over `logits`, float of shape (labels,)."""
    return SingleLabelResult(_ranked(softmax(logits), labels)[: request.top_k], truncated)


def multi_label(
    request: TextClassificationRequest, logits: FloatArray, labels: tuple[str, ...], truncated: bool
) -> MultiLabelResult:
    """The labels whose sigmoid reaches the threshold; `logits` is float of shape (labels,)."""
    scores = _ranked(sigmoid(logits), labels)
    reached = tuple(label for label in scores if label.score >= request.threshold)
    return MultiLabelResult(reached[: request.top_k], scores, truncated)


def regression(
    _request: TextClassificationRequest, logits: FloatArray, labels: tuple[str, ...], truncated: bool
) -> RegressionResult:
    """The logits themselves, float of shape (labels,)."""
    values = (LabelValue(label, float(value)) for label, value in zip(labels, logits, strict=True))
    return RegressionResult(tuple(values), truncated)


PROBLEM_TYPES: Mapping[str, ProblemType] = {
    # A softmax over one logit is always 1: such a model says nothing unless its logit is read in another way.
    "single_label_classification": ProblemType(single_label, least_labels=2),
    "multi_label_classification": ProblemType(multi_label, least_labels=1),
    "regression": ProblemType(regression, least_labels=1),
}


def _problem_type(name: str | None, labels: int) -> ProblemType:
    if name is None or name not in PROBLEM_TYPES:
        names = ", ".join(PROBLEM_TYPES)
        raise BundleError(f"{NAME}: problem_type is {name!r}, expected one of {names}; export the bundle again")
    problem = PROBLEM_TYPES[name]
    if labels < problem.least_labels:
        raise BundleError(
            f"{NAME}: {name} with {labels} label, expected at least {problem.least_labels}; export with the "
            "problem_type regression (raw value) or multi_label_classification (sigmoid score)"
        )
    return problem


def _ranked(scores: Floats, labels: tuple[str, ...]) -> tuple[LabelScore, ...]:
    return tuple(LabelScore(labels[i], float(scores[i])) for i in top(scores, len(scores)))


TEXT_CLASSIFICATION = Task(
    name=NAME,
    aliases=("seqcls",),
    model_class="BertForSequenceClassification",
    reads=Reads.FIRST_TOKEN,
    outputs=(TensorSpec("logits", "float32", ("batch", "labels")),),
    request=TextClassificationRequest,
    head=TextClassificationHead,
    settings=("labels", "problem_type"),
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
