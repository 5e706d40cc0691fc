"""Question answering: one window of the context that holds the answer, at a random place."""

from __future__ import annotations

import random

import numpy as np
from tokenizers import Tokenizer

from bert_runtime import QUESTION_ANSWERING
from bert_runtime.tasks.task import Features, HeadSettings
from training.corpora import Line, squad
from training.recipe import BASE, Example, Recipe, Settings

HELD_OUT = 400
"""The last questions of new-wiki: to choose settings without looking at SQuAD, which is never trained on."""


def encode_question(tokenizer: Tokenizer, question: str) -> list[int]:
    """[CLS], the question's first 62 tokens, [SEP]."""
    ids: list[int] = tokenizer.encode(question.strip()).ids
    return [*ids[:-1][:63], ids[-1]]


def featurize(tokenizer: Tokenizer, item: squad.Question, max_length: int, rng: random.Random) -> Example | None:
    """The window of the context that holds the first answer, at a random place when the context is too long."""
    text, first = item.answers[0]
    question = encode_question(tokenizer, item.question)
    context = tokenizer.encode(item.context, add_special_tokens=False)
    inside = [i for i, (a, b) in enumerate(context.offsets) if b > first and a < first + len(text)]
    room = max_length - len(question) - 1
    if not inside or len(inside) > room:
        return None
    low = max(0, inside[-1] + 1 - room)
    high = min(inside[0], max(0, len(context.ids) - room))
    begin = rng.randint(low, high) if low <= high else low
    ids = np.array(question + context.ids[begin : begin + room] + question[-1:], dtype=np.int64)
    types = (np.arange(len(ids)) >= len(question)).astype(np.int64)
    shift = len(question) - begin
    targets = {"start_positions": inside[0] + shift, "end_positions": inside[-1] + shift}
    return Example(Features(ids, types, np.ones_like(ids)), targets)


def examples(settings: Settings) -> list[Example]:
    """A seeded sample of each set, without questions whose answer is longer than a window."""
    tokenizer = Tokenizer.from_file(str(BASE / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    rng = random.Random(settings.seed)
    found = []
    for name, count in settings.examples.items():
        items = squad.load(name)
        usable = len(items) - (HELD_OUT if name == "new-wiki" else 0)
        for item in rng.sample(items[:usable], count):
            example = featurize(tokenizer, item, settings.max_length, rng)
            found += [example] if example else []
    return found


def held_out() -> list[Line]:
    """The questions of new-wiki that are never trained on."""
    return [item.line for item in squad.load("new-wiki")[-HELD_OUT:]]


QUESTION_ANSWERING_RECIPE = Recipe(
    task=QUESTION_ANSWERING,
    head=HeadSettings(),
    module="qa_outputs",
    defaults=Settings(
        examples={"new-wiki": 7536, "nyt": 8500, "reddit": 2000, "amazon": 2000},
        rank=64,
        learning_rate=1e-3,
        batch=16,
        max_length=256,
        epochs=1,
        dropout=0.0,  # one pass does not overfit
    ),
    examples=examples,
    held_out=held_out,
)
