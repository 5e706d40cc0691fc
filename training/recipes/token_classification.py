"""Token classification: named entities of CoNLL-2003, every piece of a word labelled."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bert_calibration.quality.entities import Spans
from bert_runtime import TOKEN_CLASSIFICATION
from bert_runtime.tasks.task import HeadSettings, IntArray
from bert_runtime.tasks.token_classification import EncodedTokens
from training.corpora import Line, conll
from training.recipe import IGNORED, Example, Recipe, Settings
from training.recipes.encode import drawn, encoded_examples

HEAD = HeadSettings(labels=conll.LABELS)


def targets(encoded: EncodedTokens, gold: Spans, head: HeadSettings) -> Mapping[str, IntArray]:
    """The label's index at each token of the first window: B- where an entity starts, I- inside it, O elsewhere."""
    labels = np.full(len(encoded.features[0].ids), IGNORED, dtype=np.int64)
    window = encoded.windows[0]
    starts = encoded.pieces.offsets[window, 0]
    own = np.full(len(starts), head.labels.index("O"), dtype=np.int64)
    for label, start, end in gold:
        inside = np.flatnonzero((starts >= start) & (starts < end))
        own[inside] = head.labels.index(f"I-{label}")
        own[inside[:1]] = head.labels.index(f"B-{label}")
    labels[encoded.first : encoded.first + len(own)] = own
    return {"labels": labels}


def examples(settings: Settings) -> list[Example]:
    """The sentences of the training set."""
    lines = drawn(conll.load("train"), settings.examples["conll-2003"], settings)
    return encoded_examples(TOKEN_CLASSIFICATION, HEAD, lines, settings.max_length, targets)


def held_out() -> list[Line]:
    """The test set."""
    return conll.load("test")


TOKEN_CLASSIFICATION_RECIPE = Recipe(
    task=TOKEN_CLASSIFICATION,
    head=HEAD,
    module="classifier",
    defaults=Settings(
        examples={"conll-2003": 14041},
        rank=64,
        learning_rate=1e-3,
        batch=32,
        max_length=256,
        epochs=2,
        dropout=0.1,
        bf16=True,
    ),
    examples=examples,
    held_out=held_out,
)
