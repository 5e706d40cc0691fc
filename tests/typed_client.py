"""A client of both packages as its author's type checkers see it: nothing is Any. Nobody runs it; see its test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import assert_type

import bert_export
import bert_runtime
from bert_export import ExportOptions, ExportReport, export
from bert_runtime import (
    QUESTION_ANSWERING,
    TEXT_GENERATION,
    TOKEN_CLASSIFICATION,
    Answer,
    BatchLimits,
    GenerationSession,
    InputError,
    ItemError,
    Options,
    QuestionAnsweringRequest,
    QuestionAnsweringResult,
    Session,
    TokenClassificationResult,
    load,
)


def exported(checkpoint: str, output: Path) -> Path:
    report = export(ExportOptions(model=checkpoint, task="qa", output=output))
    assert_type(report, ExportReport)
    assert_type(report.notes, tuple[str, ...])
    return assert_type(report.bundle, Path)


def answered(bundle: Path, question: str, context: str) -> str:
    options = Options(threads=2, batch_limits=BatchLimits(max_batch_tokens=512), cache="compiled")
    with load(bundle, QUESTION_ANSWERING, options=options) as session:
        assert_type(session, Session[QuestionAnsweringRequest, QuestionAnsweringResult])
        result = session(QuestionAnsweringRequest(question, context, top_k=3))
        assert_type(result, QuestionAnsweringResult)
        assert_type(result.answers, tuple[Answer, ...])
        assert_type(
            session.predict([{"question": question, "context": context}], errors="return"),
            Iterator[QuestionAnsweringResult | ItemError],
        )
        return result.answers[0].text


def entities(bundle: str, text: str) -> list[str]:
    session = load(bundle, TOKEN_CLASSIFICATION)
    try:
        return [entity.label for entity in assert_type(session(text), TokenClassificationResult).entities]
    except InputError as error:
        return list(error.problems)


def continued(bundle: Path, prompt: str) -> Iterator[str]:
    session = load(bundle, TEXT_GENERATION)
    assert_type(session, GenerationSession)
    return session.stream(prompt)


assert_type(bert_runtime.__version__, str)
assert_type(bert_export.__version__, str)
