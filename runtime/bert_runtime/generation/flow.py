"""Texts that grow together: each joins at any token and leaves at its own end (continuous batching).

A run of the graph for one more token of one text takes nearly as long as for one more of eight: the weights are read
either way. After Yu et al. 2022, "Orca: A Distributed Serving System for Transformer-Based Generative Models".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bert_runtime.generation import loop
from bert_runtime.generation.batches import lanes
from bert_runtime.generation.decoder import Decoder
from bert_runtime.generation.search import Search, Step
from bert_runtime.tasks.text_generation import Prompt, TextGenerationRequest

Begin = Callable[[Sequence[TextGenerationRequest], Sequence[Prompt]], Decoder]
"""Requests and their prompts -> a decoder with an empty cache that has room for them."""


@dataclass
class Growth:
    """One request's texts as they grow.

    Attributes:
        is_done: whether they have ended.
    """

    request: TextGenerationRequest
    prompt: Prompt
    search: Search
    is_done: bool = False


class Flow:
    """The texts that grow at the moment. One thread at a time calls its methods."""

    def __init__(self, begin: Begin, pad_id: int) -> None:
        self._begin = begin
        self._pad_id = pad_id
        self._decoder: Decoder | None = None
        self._steps: list[tuple[Growth, Step]] = []

    @property
    def growths(self) -> list[Growth]:
        """Those that have not ended."""
        return [growth for growth, _ in self._steps]

    def leave(self, growth: Growth) -> None:
        """It grows no further."""
        self._steps = [(other, step) for other, step in self._steps if other is not growth]

    def advance(self) -> list[Growth]:
        """One more token for each; those that it was for.

        Raises:
            BackendError: the engine failed; nothing can be said of any text.
        """
        if not self._steps or self._decoder is None:
            return []
        tokens, sources = (
            np.concatenate(parts)
            for parts in zip(*((step.tokens, step.sources) for _, step in self._steps), strict=True)
        )
        advanced = [(growth, len(step.tokens)) for growth, step in self._steps]
        logits = self._decoder.step(tokens, sources)
        steps = loop.advance([(growth.search, count) for growth, count in advanced], logits)
        self._steps = _going_on([growth for growth, _ in advanced], steps)
        if not self._steps:
            self._decoder = None  # and its cache
        return [growth for growth, _ in advanced]

    def join(self, items: Sequence[tuple[TextGenerationRequest, Prompt]]) -> list[Growth]:
        """Texts that begin to grow, their first token chosen.

        Raises:
            BackendError: the engine failed on them; the others go on.
        """
        requests, prompts = [request for request, _ in items], [prompt for _, prompt in items]
        growths = [Growth(request, prompt, loop.start(prompt, request)) for request, prompt in items]
        decoder = self._begin(requests, prompts)
        logits = decoder.prefill([prompt.ids for prompt in prompts], self._pad_id)
        steps = _going_on(growths, loop.advance([(growth.search, 1) for growth in growths], logits))
        if not steps:
            return growths
        if self._decoder is None or not self._steps:
            self._decoder, self._steps = decoder, steps
            return growths
        own_rows = self._decoder.rows
        self._steps += [(growth, Step(step.tokens, step.sources + own_rows)) for growth, step in steps]
        rows = sum(lanes(growth.request) for growth in self.growths)
        more = max(growth.request.max_new_tokens for growth in self.growths)
        self._decoder.absorb(decoder, rows + own_rows, more)
        return growths


def _going_on(growths: Sequence[Growth], steps: Sequence[Step]) -> list[tuple[Growth, Step]]:
    """Those that have not ended, each with what it reads next."""
    for growth, step in zip(growths, steps, strict=True):
        growth.is_done = not len(step.tokens)
    return [(growth, step) for growth, step in zip(growths, steps, strict=True) if len(step.tokens)]
