"""Text classification: whether a sentence of a film review is positive."""

from __future__ import annotations

from collections.abc import Mapping

from bert_runtime import TEXT_CLASSIFICATION
from bert_runtime.tasks.task import Encoded, HeadSettings
from training.corpora import rotten_tomatoes
from training.recipe import Example, Recipe, Settings
from training.recipes.encode import drawn, encoded_examples

HEAD = HeadSettings(labels=rotten_tomatoes.LABELS, problem_type="single_label_classification")


def targets(encoded: Encoded, gold: str, head: HeadSettings) -> Mapping[str, int]:
    """The label's index."""
    return {"labels": head.labels.index(gold)}


def examples(settings: Settings) -> list[Example]:
    """The sentences of the training set."""
    lines = drawn(rotten_tomatoes.train(), settings.examples["rotten-tomatoes"], settings)
    return encoded_examples(TEXT_CLASSIFICATION, HEAD, lines, settings.max_length, targets)


TEXT_CLASSIFICATION_RECIPE = Recipe(
    task=TEXT_CLASSIFICATION,
    head=HEAD,
    module="classifier",
    defaults=Settings(
        examples={"rotten-tomatoes": 7464},
        rank=16,
        learning_rate=1e-3,
        batch=32,
        max_length=128,
        epochs=3,
        dropout=0.1,
        bf16=True,
    ),
    examples=examples,
    held_out=rotten_tomatoes.held_out,
)
