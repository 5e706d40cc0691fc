"""The example that the README opens with: three questions about one paragraph, answered by the demo bundle."""

from __future__ import annotations

from pathlib import Path

import pytest

import bert_runtime
from bert_runtime import QUESTION_ANSWERING
from bert_runtime.tasks.question_answering import QuestionAnsweringRequest

ANSWERS = {
    "How many pretrained models are available in 🤗 Transformers?": ("32+", "over 32+", "over 32+ pretrained models"),
    "What does 🤗 Transformers provide?": ("general-purpose architectures",),
    "🤗 Transformers provides interoperability between which frameworks?": ("TensorFlow 2.0 and PyTorch",),
}


@pytest.mark.parametrize("question", ANSWERS)
def test_the_demo_answers_the_worked_example_from_the_original_text(demo_folder: Path, question: str) -> None:
    context = (demo_folder / "examples" / "transformers.txt").read_text(encoding="utf-8")
    with bert_runtime.load(demo_folder / "build" / "demo-qa", QUESTION_ANSWERING) as session:
        answer = session(QuestionAnsweringRequest(question, context)).answers[0]
    assert answer.text in ANSWERS[question]
    assert context[answer.start : answer.end] == answer.text
