"""What may be asked of a decoder: a text to go on with, and how."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from bert_runtime.errors import Problem
from bert_runtime.tasks.request import Request
from bert_runtime.tasks.text_generation.encoder_states import EncoderStates

SPECIAL_TOKENS = ("start", "none", "both")

MOST_LANES = 1024
"""Beams or texts of one request: each has a cache of its own, so that more would be a mistake or an attack."""


@dataclass(frozen=True, kw_only=True)
class GenerationSettings(Request):
    """How a text is continued; names, meanings and order of application are those of transformers' `generate`.

    Attributes:
        max_new_tokens: how many tokens to add at most; prompt and new tokens must fit the model together.
        do_sample: draw tokens by their probability, instead of taking the most probable.
        temperature: with do_sample, what the logits are divided by: below 1 bolder, above 1 more even.
        top_k: with do_sample, only this many of the most probable tokens are drawn from; 0 takes all.
        top_p: with do_sample, only the most probable tokens that together reach this probability are drawn from.
        seed: with do_sample, what makes the draws repeatable; left out, every answer differs.
        num_beams: how many continuations are followed at once, the best of which wins; not with do_sample.
        num_return_sequences: how many continuations to give: at most num_beams, or any number with do_sample.
        length_penalty: with beams, the power of the length that a score is divided by: above 0 favours long ones.
        early_stopping: with beams, stop as soon as there are num_beams whole continuations.
        repetition_penalty: what the logits of tokens that the text has already are divided by (times, below zero).
        eos: the entry of the vocabulary that ends a text; left out, what the tokenizer puts after a text, [SEP] in
            most; empty: none does.
        special_tokens: what is put around the prompt: start (the tokenizer's [CLS] before it), none, or both (its [SEP]
            after it as well, as the tokenizer itself does).
    """

    max_new_tokens: int = 50
    do_sample: bool = False
    temperature: float = 1.0
    top_k: int = 50
    top_p: float = 1.0
    seed: int | None = None
    num_beams: int = 1
    num_return_sequences: int = 1
    length_penalty: float = 1.0
    early_stopping: bool = False
    repetition_penalty: float = 1.0
    eos: str | None = None
    special_tokens: str = "start"

    def problems(self) -> Iterator[str]:
        if self.max_new_tokens < 1:
            yield Problem(
                "out-of-range", "max_new_tokens", f"max_new_tokens is {self.max_new_tokens}, expected at least 1"
            )
        for name in ("num_beams", "num_return_sequences"):
            if not 1 <= getattr(self, name) <= MOST_LANES:
                yield Problem("out-of-range", name, f"{name} is {getattr(self, name)}, expected 1 to {MOST_LANES}")
        for name in ("temperature", "repetition_penalty"):
            if not getattr(self, name) > 0:
                yield Problem(
                    "out-of-range",
                    name,
                    f"{name} is {getattr(self, name)}, expected more than 0{_GREEDY.get(name, '')}",
                )
        if self.top_k < 0:
            yield Problem("out-of-range", "top_k", f"top_k is {self.top_k}, expected 0 (all tokens) or more")
        if not 0 < self.top_p <= 1:
            yield Problem(
                "out-of-range", "top_p", f"top_p is {self.top_p}, expected more than 0 and at most 1 (all tokens)"
            )
        if self.seed is not None and self.seed < 0:
            yield Problem("out-of-range", "seed", f"seed is {self.seed}, expected 0 or more")
        if self.special_tokens not in SPECIAL_TOKENS:
            yield Problem(
                "not-a-choice",
                "special_tokens",
                f"special_tokens is {self.special_tokens!r:.60}, expected one of {', '.join(SPECIAL_TOKENS)}",
            )
        yield from self._contradictions()

    def _contradictions(self) -> Iterator[str]:
        if self.do_sample and self.num_beams > 1:
            yield Problem(
                "contradiction",
                "do_sample",
                f"do_sample with num_beams {self.num_beams}, expected one of them: beams are not drawn",
            )
        if not self.do_sample and self.num_return_sequences > max(self.num_beams, 1):
            yield (
                Problem(
                    "contradiction",
                    "num_return_sequences",
                    f"num_return_sequences is {self.num_return_sequences} with num_beams {self.num_beams}, expected at "
                    "most num_beams: raise num_beams, or set do_sample",
                )
            )


_GREEDY = {"temperature": "; for the most probable token leave do_sample out"}


@dataclass(frozen=True)
class TextGenerationRequest(GenerationSettings):
    """A text to go on with, and how.

    Attributes:
        prompt: the text; empty, the model starts from the tokenizer's [CLS] alone.
        encoder_text: for a decoder that reads an encoder: the text that the encoder reads, or its states.
    """

    prompt: str
    encoder_text: str | EncoderStates | None = None

    @classmethod
    def from_record(cls, record: Mapping[str, object]) -> Self:
        """See Request; `encoder_text` may be a text, EncoderStates, or an object with their fields as lists."""
        source = record.get("encoder_text")
        if isinstance(source, Mapping):
            record = {**record, "encoder_text": EncoderStates.from_record(source)}
        return super().from_record(record)
