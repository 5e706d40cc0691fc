"""Extractive question answering: the spans of a context that answer a question, or that there is no answer."""

from __future__ import annotations

from bert_runtime.tasks.question_answering.examples import EXAMPLES
from bert_runtime.tasks.question_answering.head import QuestionAnsweringEncoded, QuestionAnsweringHead
from bert_runtime.tasks.question_answering.request import Answer, QuestionAnsweringRequest, QuestionAnsweringResult
from bert_runtime.tasks.task import Reads, Task
from bert_runtime.tasks.tensors import TensorSpec

__all__ = [
    "QUESTION_ANSWERING",
    "Answer",
    "QuestionAnsweringEncoded",
    "QuestionAnsweringHead",
    "QuestionAnsweringRequest",
    "QuestionAnsweringResult",
]

QUESTION_ANSWERING = Task(
    name="question-answering",
    aliases=("qa",),
    model_class="BertForQuestionAnswering",
    reads=Reads.ALL_TOKENS,
    outputs=(
        TensorSpec("start_logits", "float32", ("batch", "sequence")),
        TensorSpec("end_logits", "float32", ("batch", "sequence")),
    ),
    request=QuestionAnsweringRequest,
    head=QuestionAnsweringHead,
    examples=EXAMPLES,
)
