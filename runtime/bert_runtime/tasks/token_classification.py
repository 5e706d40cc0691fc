"""Token classification, such as named entity recognition: from texts of any length to entities with character spans."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bert_runtime.errors import Problem
from bert_runtime.tasks.entities import AGGREGATIONS, Entity, entities
from bert_runtime.tasks.labels import labelled_logits, require_labels
from bert_runtime.tasks.request import Request
from bert_runtime.tasks.result import Result
from bert_runtime.tasks.tag_scheme import read_tags, remarks
from bert_runtime.tasks.task import Encoded, Features, FloatArray, Head, HeadSettings, Outputs, Reads, Task
from bert_runtime.tasks.tensors import TensorSpec
from bert_runtime.text import Pieces, TextEncoder

NAME = "token-classification"


@dataclass(frozen=True)
class TokenClassificationRequest(Request):
    """A text to label.

    Attributes:
        text: of any length; empty or blank text has no entities.
        aggregation: how tokens become entities: none, simple, first, average or max (see `entities`).
        stride: how many tokens neighbouring windows share where the text is longer than the model; None for a quarter
            of the window.
        ignore_labels: labels that are left out, as they stand in the result (without their tag's letter, such as B-,
            where aggregated).
    """

    text: str
    aggregation: str = "simple"
    stride: int | None = None
    ignore_labels: tuple[str, ...] = ("O",)

    def problems(self) -> Iterator[str]:
        if self.aggregation not in AGGREGATIONS:
            yield Problem(
                "not-a-choice",
                "aggregation",
                f"aggregation is {self.aggregation!r}, expected one of {', '.join(AGGREGATIONS)}",
            )
        if self.stride is not None and self.stride < 0:
            yield Problem("out-of-range", "stride", f"stride is {self.stride}, expected 0 or more tokens")


@dataclass(frozen=True)
class TokenClassificationResult(Result):
    """The entities of a text, from left to right."""

    entities: tuple[Entity, ...]


@dataclass(frozen=True)
class EncodedTokens(Encoded):
    """A text as windows: `windows[i]` is the part of `pieces` in row i, which begins at `first` in every row."""

    pieces: Pieces
    windows: tuple[slice, ...]
    first: int


class TokenClassificationHead(Head[TokenClassificationRequest, EncodedTokens, TokenClassificationResult]):
    """Labels every token, then aggregates once over the whole text.

    A text longer than the model is read through overlapping windows, and each token's logits come from the window that
    shows most of its context (`merge`). Aggregation then sees one sequence of tokens, as if there were no windows: an
    entity or a word that crosses a border is found once and whole, never twice, in halves, or not at all.
    """

    def __init__(self, text: TextEncoder, settings: HeadSettings) -> None:
        """Raises BundleError where the bundle names no labels."""
        super().__init__(text, settings)
        self.labels = require_labels(NAME, settings)
        self.tags = read_tags(self.labels)

    def encode(self, request: TokenClassificationRequest) -> EncodedTokens:
        """One row for each window.

        Raises:
            InputError: the stride is not smaller than a window.
        """
        pieces, room = self.text.pieces(request.text), self.text.room()
        stride = room // 4 if request.stride is None else request.stride
        windows = tuple(self.text.windows(len(pieces), room, stride))
        rows = [self.text.row(pieces[window]) for window in windows]
        features = tuple(Features(row.ids, row.type_ids, np.ones_like(row.ids)) for row in rows)
        return EncodedTokens(features, pieces, windows, rows[0].first.start)

    def decode(
        self, request: TokenClassificationRequest, encoded: EncodedTokens, outputs: Sequence[Outputs]
    ) -> TokenClassificationResult:
        """The entities.

        Raises:
            BackendError: logits that are not finite, or not one for each label of each token.
        """
        parts = []
        for window, features, row in zip(encoded.windows, encoded.features, outputs, strict=True):
            logits = labelled_logits(row, self.labels, tokens=len(features.ids))
            parts.append(logits[encoded.first : encoded.first + window.stop - window.start])
        logits = merge(encoded.windows, parts)
        found = entities(request.text, encoded.pieces, logits, self.tags, request.aggregation)
        return TokenClassificationResult(tuple(entity for entity in found if entity.label not in request.ignore_labels))


def merge(windows: Sequence[slice], parts: Sequence[FloatArray]) -> FloatArray:
    """One row of logits for each token, from the window where it has most neighbours on its poorer side.

    That cuts the overlap of two windows in the middle; a tie goes to the earlier window. `parts[i]` is float of shape
    (tokens of window i, labels); the result has shape (tokens, labels).
    """
    length = windows[-1].stop
    merged = np.empty((length, parts[0].shape[1]), dtype=parts[0].dtype)
    context = np.full(length, -1, dtype=np.int64)
    for window, logits in zip(windows, parts, strict=True):
        tokens = np.arange(window.start, window.stop)
        poorer = np.minimum(tokens - window.start, window.stop - 1 - tokens)
        richer = poorer > context[window]
        merged[tokens[richer]] = logits[richer]
        context[tokens[richer]] = poorer[richer]
    return merged


TOKEN_CLASSIFICATION = Task(
    name=NAME,
    aliases=("ner",),
    model_class="BertForTokenClassification",
    reads=Reads.ALL_TOKENS,
    outputs=(TensorSpec("logits", "float32", ("batch", "sequence", "labels")),),
    request=TokenClassificationRequest,
    head=TokenClassificationHead,
    settings=("labels",),
    remarks=remarks,
    examples=(
        {"text": "Ada Lovelace wrote the first program in London."},
        {"text": "Dr. J. O'Neil-Smith (born 1961) works at AT&T, e-mail: joneil@att.example.", "aggregation": "first"},
        {"text": "Zoë Müller flew from São Paulo to Kraków on Air França.", "aggregation": "average"},
        {"text": "昨日、田中さんは東京タワーに行きました。", "aggregation": "max"},
        {"text": "Владимир лучше знает Санкт-Петербург.", "aggregation": "none"},
        {"text": "🎉 Lena 👩‍💻 joined   OpenAI\tin 🇺🇸 San Francisco!!!", "ignore_labels": []},
        {"text": "Electroencephalographically speaking, Thiruvananthapuram rules.", "aggregation": "first"},
        {"text": "Marie Curie met Albert Einstein in Brussels, and Hendrik Lorentz was there. " * 50, "stride": 32},
        {"text": ""},
    ),
)
