"""Questions and contexts to windows of tokens; start and end logits to answers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bert_runtime.errors import InputError, Problem
from bert_runtime.tasks.question_answering.request import Answer, QuestionAnsweringRequest, QuestionAnsweringResult
from bert_runtime.tasks.question_answering.spans import Span, WindowLogits, answer_characters, best_spans
from bert_runtime.tasks.scores import finite
from bert_runtime.tasks.task import Encoded, Features, Head, IntArray, Outputs
from bert_runtime.text import Pieces

N_BEST = 20
"""How many spans share the softmax when fewer answers are asked for, as in the SQuAD evaluation."""


@dataclass(frozen=True)
class ContextWindow:
    """Which part of the context a row holds: `row` slices the row's tokens, `pieces` the context's pieces."""

    row: slice
    pieces: slice


@dataclass(frozen=True)
class QuestionAnsweringEncoded(Encoded):
    """One row for each window of the context.

    Attributes:
        windows: what each row holds of the context.
        characters: int64 of shape (context pieces, 2), as `answer_characters` gives them.
        question_truncated: whether the end of the question was cut.
    """

    windows: tuple[ContextWindow, ...]
    characters: IntArray
    question_truncated: bool = False


class QuestionAnsweringHead(Head[QuestionAnsweringRequest, QuestionAnsweringEncoded, QuestionAnsweringResult]):
    """[CLS] question [SEP] window of the context [SEP] in; start and end logits of each token out."""

    def encode(self, request: QuestionAnsweringRequest) -> QuestionAnsweringEncoded:
        """The question with each window of the context.

        Raises:
            InputError: no token is left of the question or of the context, or the model is too short for one of each.
        """
        whole, context = self.text.pieces(request.question), self.text.pieces(request.context)
        _require_tokens(whole, context)
        question = whole[: min(request.max_question_length, self._room() // 2)]
        room = self._room() - len(question)
        features, windows = [], []
        for part in self.text.windows(len(context), room, min(request.doc_stride, room // 2)):
            row = self.text.row(question, context[part])
            assert row.second is not None  # a pair was given
            features.append(Features.from_row(row))
            windows.append(ContextWindow(row.second, part))
        characters = answer_characters(request.context, context, request.align_to_words)
        return QuestionAnsweringEncoded(tuple(features), tuple(windows), characters, len(question) < len(whole))

    def decode(
        self, request: QuestionAnsweringRequest, encoded: QuestionAnsweringEncoded, outputs: Sequence[Outputs]
    ) -> QuestionAnsweringResult:
        """The best spans of all windows.

        Raises:
            BackendError: a logit is infinite or not a number.
        """
        windows = [
            WindowLogits(
                finite(row["start_logits"], "start_logits")[at.row],
                finite(row["end_logits"], "end_logits")[at.row],
                encoded.characters[at.pieces],
            )
            for row, at in zip(outputs, encoded.windows, strict=True)
        ]
        spans = best_spans(windows, request.max_answer_length, max(N_BEST, request.top_k))
        null = _null_score(outputs) if request.handle_no_answer else None
        return _result(request, spans, null, encoded.question_truncated)

    def _room(self) -> int:
        room = self.text.room(pair=True)
        if room < 2:
            raise InputError(
                Problem(
                    "too-long",
                    "question",
                    f"the model takes {self.text.max_length} tokens, which leaves {max(room, 0)} beside the "
                    "special ones; "
                    "expected room for one token of the question and one of the context: use a model of longer "
                    "sequences",
                )
            )
        return room


def _require_tokens(question: Pieces, context: Pieces) -> None:
    if len(question) and len(context):
        return
    texts = (("question", question), ("context", context))
    empty = [name for name, pieces in texts if not len(pieces)]
    if empty:
        raise InputError(
            Problem("empty", name, f"{name} has no character that the tokenizer keeps, expected text") for name in empty
        )


def _softmax(scores: Sequence[float]) -> list[float]:
    """As `softmax`; for twenty numbers, arrays cost more than they save."""
    highest = max(scores)
    weights = [math.exp(score - highest) for score in scores]
    total = math.fsum(weights)
    return [weight / total for weight in weights]


def _null_score(outputs: Sequence[Outputs]) -> float:
    """The score of "no answer": at [CLS], in the window least sure of it."""
    return min(float(row["start_logits"][0]) + float(row["end_logits"][0]) for row in outputs)


def _result(
    request: QuestionAnsweringRequest, spans: Sequence[Span], null: float | None, question_truncated: bool
) -> QuestionAnsweringResult:
    scores = [span.score for span in spans]
    shares = _softmax(scores if null is None else [*scores, null])
    no_answer_score = None if null is None else shares.pop()
    best = zip(spans[: request.top_k], shares, strict=False)
    answers = [Answer(request.context[span.start : span.end], share, span.start, span.end) for span, share in best]
    margin = None if null is None else null - spans[0].score
    if no_answer_score is not None and margin is not None and margin > request.no_answer_threshold:
        answers.insert(0, Answer("", no_answer_score, 0, 0))
    return QuestionAnsweringResult(tuple(answers[: request.top_k]), no_answer_score, margin, question_truncated)
