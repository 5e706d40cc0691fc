"""Every head, as a value. To add one: its file here, its test, and one line in TASKS."""

from __future__ import annotations

from typing import Any

from bert_runtime.errors import InputError, Problem
from bert_runtime.tasks.feature_extraction import FEATURE_EXTRACTION
from bert_runtime.tasks.fill_mask import FILL_MASK
from bert_runtime.tasks.multiple_choice import MULTIPLE_CHOICE
from bert_runtime.tasks.next_sentence_prediction import NEXT_SENTENCE_PREDICTION
from bert_runtime.tasks.pretraining import PRETRAINING
from bert_runtime.tasks.question_answering import QUESTION_ANSWERING
from bert_runtime.tasks.task import Task
from bert_runtime.tasks.text_classification import TEXT_CLASSIFICATION
from bert_runtime.tasks.text_generation import TEXT_GENERATION
from bert_runtime.tasks.token_classification import TOKEN_CLASSIFICATION

TASKS: tuple[Task[Any, Any, Any], ...] = (
    PRETRAINING,
    FILL_MASK,
    TEXT_GENERATION,
    NEXT_SENTENCE_PREDICTION,
    TEXT_CLASSIFICATION,
    MULTIPLE_CHOICE,
    TOKEN_CLASSIFICATION,
    QUESTION_ANSWERING,
    FEATURE_EXTRACTION,
)


def find_task(name: str) -> Task[Any, Any, Any]:
    """The task with this name or alias.

    Raises:
        InputError: there is none; the message lists those there are.
    """
    for task in TASKS:
        if name == task.name or name in task.aliases:
            return task
    known = ", ".join(" = ".join((task.name, *task.aliases)) for task in TASKS)
    raise InputError(Problem("unknown-task", "task", f"unknown task {name!r}; the tasks are {known}"))
