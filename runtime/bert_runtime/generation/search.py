"""How the next tokens are chosen: what every search has in common, and the search without beams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bert_runtime.generation.processors import drawable, penalised
from bert_runtime.tasks.scores import softmax
from bert_runtime.tasks.task import FloatArray, IntArray
from bert_runtime.tasks.text_generation import Continuation, GenerationSettings, Prompt


@dataclass(frozen=True)
class Step:
    """The lanes that go on: int64 of shape (lanes,), empty once the search is done.

    Attributes:
        tokens: what each lane reads next.
        sources: which of the lanes before it continues, hence whose cache it needs.
    """

    tokens: IntArray
    sources: IntArray


class Search(Protocol):
    """One request's search. It begins with one lane, the prompt; a lane is a row of the decoder's batch."""

    def advance(self, logits: FloatArray) -> Step:
        """Choose tokens; `logits` are float32 of (lanes, vocabulary), one row for each lane of the last step."""

    def continuations(self) -> list[Continuation]:
        """What was found; the best first where there is a best."""


class LaneSearch:
    """Lanes that never meet: the most probable token of each, or a token drawn by its probability."""

    def __init__(self, prompt: Prompt, settings: GenerationSettings) -> None:
        """Lanes draw from generators of their own, so that an answer does not depend on what shares its batch."""
        self._prompt = prompt.ids.tolist()
        self._eos_id = prompt.eos_id
        self._settings = settings
        count = settings.num_return_sequences
        self.found: list[list[int]] = [[] for _ in range(count)]
        self._open = list(range(count))
        self._fresh = True
        seeds = np.random.SeedSequence(settings.seed).spawn(count)
        self._random = [np.random.default_rng(seed) for seed in seeds]

    def advance(self, logits: FloatArray) -> Step:
        """See Search."""
        lanes, kept = self._open, []
        for row, lane in enumerate(lanes):
            # All lanes read the prompt as one row.
            self._choose(lane, logits[0 if self._fresh else row])
            if not self._is_done(self.found[lane]):
                kept.append(row)
        self._open = [lanes[row] for row in kept]
        tokens = np.array([self.found[lane][-1] for lane in self._open], dtype=np.int64)
        sources = np.zeros(len(kept), dtype=np.int64) if self._fresh else np.array(kept, dtype=np.int64)
        self._fresh = False
        return Step(tokens, sources)

    def continuations(self) -> list[Continuation]:
        """See Search: in the order of the lanes."""
        return [Continuation(tuple(ids)) for ids in self.found]

    def _choose(self, lane: int, logits: FloatArray) -> None:
        scores = penalised(logits, self._prompt + self.found[lane], self._settings)
        if self._settings.do_sample:
            self.found[lane].append(draw(drawable(scores, self._settings), self._random[lane]))
        else:
            self.found[lane].append(int(scores.argmax()))

    def _is_done(self, ids: Sequence[int]) -> bool:
        return ids[-1] == self._eos_id or len(ids) == self._settings.max_new_tokens


def draw(scores: FloatArray, random: np.random.Generator) -> int:
    """A token, with the probability that the softmax of the scores, float32 of (vocabulary,), gives it."""
    reached = np.cumsum(softmax(scores))
    # Scaled by the last sum, not by 1: rounding must not let a draw fall behind the last token.
    return int(np.searchsorted(reached, random.random() * reached[-1], side="right"))
