"""Multiple choice: the step that belongs to a goal, or the goal that belongs to a step."""

from __future__ import annotations

from collections.abc import Mapping

from bert_runtime import MULTIPLE_CHOICE
from bert_runtime.tasks.task import Encoded, HeadSettings
from training.corpora import goal_step
from training.recipe import Example, Recipe, Settings
from training.recipes.encode import drawn, encoded_examples

HEAD = HeadSettings()


def targets(encoded: Encoded, gold: int, head: HeadSettings) -> Mapping[str, int]:
    """The right choice's index."""
    return {"labels": gold}


def examples(settings: Settings) -> list[Example]:
    """The questions of the training set."""
    lines = drawn(goal_step.train(), settings.examples["goal-step"], settings)
    return encoded_examples(MULTIPLE_CHOICE, HEAD, lines, settings.max_length, targets)


MULTIPLE_CHOICE_RECIPE = Recipe(
    task=MULTIPLE_CHOICE,
    head=HEAD,
    module="classifier",
    defaults=Settings(
        examples={"goal-step": 3253},
        rank=64,
        learning_rate=5e-4,
        batch=8,
        max_length=96,
        epochs=2,
        dropout=0.1,
        bf16=True,
    ),
    examples=examples,
    held_out=goal_step.held_out,
)
