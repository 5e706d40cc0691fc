"""Every head that can be trained here. To add one: its file, and one line in RECIPES."""

from __future__ import annotations

from collections.abc import Mapping

from training.recipe import Recipe
from training.recipes.multiple_choice import MULTIPLE_CHOICE_RECIPE
from training.recipes.question_answering import QUESTION_ANSWERING_RECIPE
from training.recipes.regression import REGRESSION_RECIPE
from training.recipes.text_classification import TEXT_CLASSIFICATION_RECIPE
from training.recipes.token_classification import TOKEN_CLASSIFICATION_RECIPE

RECIPES: Mapping[str, Recipe] = {
    "question-answering": QUESTION_ANSWERING_RECIPE,
    "text-classification": TEXT_CLASSIFICATION_RECIPE,
    "token-classification": TOKEN_CLASSIFICATION_RECIPE,
    "multiple-choice": MULTIPLE_CHOICE_RECIPE,
    "regression": REGRESSION_RECIPE,
}
