"""Regression: how positive people rate a sentence, from -4 to 4."""

from __future__ import annotations

from collections.abc import Mapping

from bert_calibration.quality.regression import Values
from bert_runtime import TEXT_CLASSIFICATION
from bert_runtime.tasks.task import Encoded, HeadSettings
from training.corpora import sentiment_ratings
from training.recipe import Example, Recipe, Settings
from training.recipes.encode import drawn, encoded_examples

HEAD = HeadSettings(labels=("sentiment",), problem_type="regression")


def targets(encoded: Encoded, gold: Values, head: HeadSettings) -> Mapping[str, float]:
    """The rating."""
    return {"labels": gold[0]}


def examples(settings: Settings) -> list[Example]:
    """The sentences of the training set."""
    lines = drawn(sentiment_ratings.train(), settings.examples["sentiment-ratings"], settings)
    return encoded_examples(TEXT_CLASSIFICATION, HEAD, lines, settings.max_length, targets)


REGRESSION_RECIPE = Recipe(
    task=TEXT_CLASSIFICATION,
    head=HEAD,
    module="classifier",
    defaults=Settings(
        examples={"sentiment-ratings": 9000},
        rank=16,
        learning_rate=1e-3,
        batch=32,
        max_length=128,
        epochs=1,
        dropout=0.0,
        bf16=True,
    ),
    examples=examples,
    held_out=sentiment_ratings.held_out,
)
