"""Question answering: the exact match and F1 of the official SQuAD evaluation (Rajpurkar et al. 2016, 2018)."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from typing import Any

from bert_calibration.quality.divergence import of_spans
from bert_calibration.quality.metric import Measure, Metric, Rows, column, mean
from bert_runtime.json_record import Record
from bert_runtime.tasks.question_answering import QuestionAnsweringRequest, QuestionAnsweringResult
from bert_runtime.tasks.task import HeadSettings

Answers = tuple[str, ...]
"""What annotators accepted as right; empty: the context holds no answer."""


def normalize(text: str) -> str:
    """Lower case without punctuation, articles and repeated spaces."""
    text = "".join(character for character in text.lower() if character not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def exact_match(prediction: str, answers: Sequence[str]) -> float:
    """1.0 when the normalised prediction equals one of the normalised answers; "" is right where there is none."""
    return float(any(normalize(prediction) == normalize(answer) for answer in answers or ("",)))


def f1(prediction: str, answers: Sequence[str]) -> float:
    """The best token F1 of the prediction against any one answer; 1.0 for "" where there is none."""
    return max(_f1(normalize(prediction).split(), normalize(answer).split()) for answer in answers or ("",))


def _f1(prediction: list[str], answer: list[str]) -> float:
    if not prediction or not answer:
        return float(prediction == answer)
    shared = sum((Counter(prediction) & Counter(answer)).values())
    return 2 * shared / (len(prediction) + len(answer))


def read(record: Record, request: QuestionAnsweringRequest, settings: HeadSettings) -> Answers:
    """`answers`: texts, or objects with a `text` as in SQuAD's files, or SQuAD's columns {"text": [...]}."""
    nothing: list[Any] = []
    found = record.value("answers", _is_answers, 'a list of texts (or of {"text": ...}, or {"text": [...]})', nothing)
    texts = found["text"] if isinstance(found, dict) else found
    return tuple(answer["text"] if isinstance(answer, dict) else answer for answer in texts)


def _is_answers(value: object) -> bool:
    texts = value.get("text") if isinstance(value, dict) else value
    if not isinstance(texts, list):
        return False
    return all(isinstance(item.get("text") if isinstance(item, dict) else item, str) for item in texts)


def best(result: QuestionAnsweringResult) -> str:
    """The text of the best answer; empty for "no answer"."""
    return result.answers[0].text if result.answers else ""


def _overlaps(results: Sequence[QuestionAnsweringResult], golds: Sequence[Answers]) -> Rows:
    return column([f1(best(result), gold) for result, gold in zip(results, golds, strict=True)])


def _matches(results: Sequence[QuestionAnsweringResult], golds: Sequence[Answers]) -> Rows:
    return column([exact_match(best(result), gold) for result, gold in zip(results, golds, strict=True)])


def _same(results: Sequence[QuestionAnsweringResult], others: Sequence[QuestionAnsweringResult]) -> Rows:
    spans = ([(a.start, a.end) for a in result.answers[:1]] for result in results)
    others_spans = ([(a.start, a.end) for a in result.answers[:1]] for result in others)
    return column([float(one == other) for one, other in zip(spans, others_spans, strict=True)])


QUESTION_ANSWERING_QUALITY: Measure[QuestionAnsweringResult, Answers] = Measure(
    keys=("answers",),
    read=read,
    metrics=(Metric("F1", _overlaps, mean), Metric("exact match", _matches, mean)),
    alike=Metric("same best span", _same, mean),
    divergence=of_spans,
)
