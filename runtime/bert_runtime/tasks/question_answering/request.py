"""What is asked of extractive question answering, and what it answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bert_runtime.errors import Problem
from bert_runtime.tasks.request import Request
from bert_runtime.tasks.result import Result


@dataclass(frozen=True)
class QuestionAnsweringRequest(Request):
    """A question about a context.

    Attributes:
        question: text; what goes beyond `max_question_length` tokens, or half of the model's room, is cut.
        context: text of any length; it is read in overlapping windows.
        top_k: how many answers to return at most.
        max_answer_length: in tokens, before alignment to words.
        doc_stride: how many tokens neighbouring windows share; at most half of a window is shared.
        max_question_length: in tokens.
        align_to_words: whether an answer is widened to the whole words (as the tokenizer splits text at spaces and
            punctuation) that it starts and ends in.
        handle_no_answer: whether "no answer" competes with the spans; for models trained on SQuAD 2 and the like.
        no_answer_threshold: "no answer" wins when its score exceeds the best span's by more than this (in logits).
    """

    question: str
    context: str
    top_k: int = 1
    max_answer_length: int = 30
    doc_stride: int = 128
    max_question_length: int = 64
    align_to_words: bool = True
    handle_no_answer: bool = False
    no_answer_threshold: float = 0.0

    def problems(self) -> Iterator[str]:
        for name in ("question", "context"):
            if not getattr(self, name).strip():
                yield Problem("empty", name, f"{name} is empty, expected text")
        for name, least in (("top_k", 1), ("max_answer_length", 1), ("max_question_length", 1), ("doc_stride", 0)):
            if getattr(self, name) < least:
                yield Problem("out-of-range", name, f"{name} is {getattr(self, name)}, expected {least} or more")


@dataclass(frozen=True)
class Answer(Result):
    """Characters [start, end) of the context, in code points: `text == context[start:end]`; all empty for "no answer".

    Attributes:
        score: the softmax over the n best spans, and "no answer" where the request handles it.
    """

    text: str
    score: float
    start: int
    end: int


@dataclass(frozen=True)
class QuestionAnsweringResult(Result):
    """The answers, best first.

    Attributes:
        answers: at most `top_k`; of equal scores the earlier start, then the shorter span. Where "no answer" wins, the
            first is the empty answer; where it loses, it is not among them.
        no_answer_score: the softmax share of "no answer"; None where the request does not handle it.
        no_answer_margin: its score minus the best span's, in logits: what `no_answer_threshold` is compared with.
        question_truncated: whether the model read only the beginning of the question.
    """

    answers: tuple[Answer, ...]
    no_answer_score: float | None = None
    no_answer_margin: float | None = None
    question_truncated: bool = False
