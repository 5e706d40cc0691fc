"""The samples that figures are published on: none was trained on."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from training.corpora import Line, conll, goal_step, rotten_tomatoes, sentiment_ratings, squad


def _squad_dev() -> list[Line]:
    """All questions of SQuAD v1.1 dev, in a fixed random order: 1,000 of them are those of the demo's model card."""
    items = squad.load("squad-dev")
    return [item.line for item in random.Random(0).sample(items, len(items))]


TEST_SETS: Mapping[str, Callable[[], list[Line]]] = {
    "squad-dev": _squad_dev,
    "rotten-tomatoes": rotten_tomatoes.held_out,
    "conll-2003": lambda: conll.load("test"),
    "goal-step": goal_step.held_out,
    "sentiment-ratings": sentiment_ratings.held_out,
}
"""By the name of the data set."""
