"""Text classification: from a text or a pair of texts to tokens, and from logits to labels or values."""

from __future__ import annotations

import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from bert_runtime.errors import BundleError, InputError, Problem
from bert_runtime.tasks.activation import ACTIVATIONS, activation_of, misfit
from bert_runtime.tasks.labels import labelled_logits, require_labels
from bert_runtime.tasks.task import Encoded, Features, Head, HeadSettings, Outputs
from bert_runtime.tasks.text_classification.problem_type import PROBLEM_TYPES, Scored
from bert_runtime.tasks.text_classification.request import TextClassificationRequest
from bert_runtime.tasks.text_classification.result import RegressionResult, SingleLabelResult, TextClassificationResult
from bert_runtime.text import TextEncoder

NAME = "text-classification"


@dataclass(frozen=True)
class EncodedText(Encoded):
    """A text as one row, and whether it had to be cut."""

    truncated: bool


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
