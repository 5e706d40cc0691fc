"""The plot of a generation: read the prompts, then choose and read one token a row until every search is done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from bert_runtime.generation.beams import BeamSearch
from bert_runtime.generation.decoder import Decoder
from bert_runtime.generation.search import LaneSearch, Search, Step
from bert_runtime.tasks.task import FloatArray
from bert_runtime.tasks.text_generation import GenerationSettings, Prompt


def start(prompt: Prompt, settings: GenerationSettings) -> Search:
    """The search that the settings ask for."""
    return BeamSearch(prompt, settings) if settings.num_beams > 1 else LaneSearch(prompt, settings)


def run(decoder: Decoder, prompts: Sequence[Prompt], searches: Sequence[Search], pad_id: int) -> Iterator[None]:
    """Run all searches to their ends together; yields after each step, when every active search has its next tokens.

    Raises:
        BackendError: the engine failed.
    """
    logits = decoder.prefill([prompt.ids for prompt in prompts], pad_id)
    active = [(search, 1) for search in searches]
    while True:
        steps = advance(active, logits)
        yield
        active = [(search, len(step.tokens)) for (search, _), step in zip(active, steps, strict=True)]
        active = [(search, count) for search, count in active if count]
        if not active:
            return
        tokens, sources = (np.concatenate(parts) for parts in zip(*((s.tokens, s.sources) for s in steps), strict=True))
        logits = decoder.step(tokens, sources)


def advance(active: Sequence[tuple[Search, int]], logits: FloatArray) -> list[Step]:
    """Each search's step; its sources count the rows of the whole batch."""
    steps, first = [], 0
    for search, count in active:
        step = search.advance(logits[first : first + count])
        steps.append(Step(step.tokens, step.sources + first))
        first += count
    return steps
