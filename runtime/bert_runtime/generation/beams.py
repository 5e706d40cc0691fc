"""Beam search as transformers defines it, since token-for-token equality is the claim.

Among all continuations of its beams by one token it takes twice as many as there are beams: those that end leave the
race as whole texts (if they are among the first half), the best of the others run on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bert_runtime.errors import InputError, Problem
from bert_runtime.fields import shown
from bert_runtime.generation.processors import penalised
from bert_runtime.generation.search import Step
from bert_runtime.tasks.scores import top
from bert_runtime.tasks.task import FloatArray
from bert_runtime.tasks.text_generation import Continuation, GenerationSettings, Prompt


@dataclass(frozen=True)
class Beam:
    """A continuation that may still grow: its tokens, the sum of their log probabilities (float32, as transformers
    adds them), and the lane that it comes from."""

    ids: tuple[int, ...]
    score: np.float32
    source: int = 0


class BeamSearch:
    """One request's beams; see Search."""

    def __init__(self, prompt: Prompt, settings: GenerationSettings) -> None:
        self._prompt = prompt.ids.tolist()
        self._eos_id = prompt.eos_id
        self._settings = settings
        self._beams = [Beam((), np.float32(0))]
        self._whole: list[Continuation] = []

    def advance(self, logits: FloatArray) -> Step:
        """See Search."""
        candidates = self._candidates(logits)
        running = [beam for beam in candidates if not self._is_whole(beam)]
        self._keep([beam for beam in candidates[: self._settings.num_beams] if self._is_whole(beam)])
        self._beams = [] if self._is_done(running) else running[: self._settings.num_beams]
        tokens = np.array([beam.ids[-1] for beam in self._beams], dtype=np.int64)
        return Step(tokens, np.array([beam.source for beam in self._beams], dtype=np.int64))

    def continuations(self) -> list[Continuation]:
        """See Search: by score, best first."""
        return self._whole[: self._settings.num_return_sequences]

    def _candidates(self, logits: FloatArray) -> list[Beam]:
        """The best continuations by one token, twice as many as beams: at most half of them can end."""
        scores = np.stack([self._scores(beam, row) for beam, row in zip(self._beams, logits, strict=True)])
        found = top(scores.reshape(-1), 2 * self._settings.num_beams)
        places = [divmod(index, scores.shape[1]) for index in found]
        return [Beam((*self._beams[lane].ids, token), scores[lane, token], lane) for lane, token in places]

    def _scores(self, beam: Beam, logits: FloatArray) -> FloatArray:
        """The score of the beam with each token after it. The penalty applies to log probabilities here."""
        shifted = logits - logits.max()
        log_probabilities: FloatArray = shifted - np.log(np.exp(shifted, dtype=np.float32).sum(dtype=np.float32))
        return penalised(log_probabilities, [*self._prompt, *beam.ids], self._settings) + beam.score

    def _is_whole(self, beam: Beam) -> bool:
        return beam.ids[-1] == self._eos_id or len(beam.ids) == self._settings.max_new_tokens

    def _keep(self, ended: list[Beam]) -> None:
        """Add whole texts; as many as there are beams stay, the first of equal ones before the later."""
        found = [Continuation(beam.ids, self._final(beam.score, len(beam.ids))) for beam in ended]
        whole = sorted(self._whole + found, key=_score, reverse=True)
        self._whole = whole[: self._settings.num_beams]

    def _is_done(self, running: list[Beam]) -> bool:
        """Whether nothing that runs can win: judged by the best beam at its present length, as transformers does."""
        if not running:
            return True
        if len(self._whole) < self._settings.num_beams:
            return False
        best = self._final(running[0].score, len(running[0].ids))
        return self._settings.early_stopping or best <= _score(self._whole[-1])

    def _final(self, score: np.float32, length: int) -> float:
        penalty = self._settings.length_penalty
        with np.errstate(over="ignore", divide="ignore"):
            final = float(score / np.float32(np.float64(length) ** penalty))
        if not math.isfinite(final):
            raise InputError(
                Problem(
                    "out-of-range",
                    "length_penalty",
                    f"length_penalty is {shown(penalty)}, expected a number nearer to 0: the score of {length} "
                    "tokens is "
                    "not finite with it",
                )
            )
        return final


def _score(continuation: Continuation) -> float:
    assert continuation.score is not None
    return continuation.score
