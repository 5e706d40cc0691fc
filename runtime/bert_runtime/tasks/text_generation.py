"""text-generation: how a text goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bert_runtime.errors import InputError
from bert_runtime.tasks.request import Request
from bert_runtime.tasks.scores import finite
from bert_runtime.tasks.task import Encoded, Features, Head, IntArray, Outputs, Reads, Task, TensorSpec

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
        eos: the entry of the vocabulary that ends a text; empty: none does.
        special_tokens: what is put around the prompt: start ([CLS] before it), none, or both ([SEP] after it as well,
            as the tokenizer itself does).
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
    eos: str = "[SEP]"
    special_tokens: str = "start"

    def problems(self) -> Iterator[str]:
        if self.max_new_tokens < 1:
            yield f"max_new_tokens is {self.max_new_tokens}, expected at least 1"
        for name in ("num_beams", "num_return_sequences"):
            if not 1 <= getattr(self, name) <= MOST_LANES:
                yield f"{name} is {getattr(self, name)}, expected 1 to {MOST_LANES}"
        for name in ("temperature", "repetition_penalty"):
            if not getattr(self, name) > 0:
                yield f"{name} is {getattr(self, name)}, expected more than 0{_GREEDY.get(name, '')}"
        if self.top_k < 0:
            yield f"top_k is {self.top_k}, expected 0 (all tokens) or more"
        if not 0 < self.top_p <= 1:
            yield f"top_p is {self.top_p}, expected more than 0 and at most 1 (all tokens)"
        if self.seed is not None and self.seed < 0:
            yield f"seed is {self.seed}, expected 0 or more"
        if self.special_tokens not in SPECIAL_TOKENS:
            yield f"special_tokens is {self.special_tokens!r:.60}, expected one of {', '.join(SPECIAL_TOKENS)}"
        yield from self._contradictions()

    def _contradictions(self) -> Iterator[str]:
        if self.do_sample and self.num_beams > 1:
            yield f"do_sample with num_beams {self.num_beams}, expected one of them: beams are not drawn"
        if not self.do_sample and self.num_return_sequences > max(self.num_beams, 1):
            yield (
                f"num_return_sequences is {self.num_return_sequences} with num_beams {self.num_beams}, expected at "
                "most num_beams: raise num_beams, or set do_sample"
            )


_GREEDY = {"temperature": "; for the most probable token leave do_sample out"}


@dataclass(frozen=True)
class TextGenerationRequest(GenerationSettings):
    """A text to go on with, and how.

    Attributes:
        prompt: the text; empty, the model starts from [CLS] alone.
    """

    prompt: str


@dataclass(frozen=True)
class GeneratedText:
    """A continuation.

    Attributes:
        text: what follows the prompt, without special tokens: prompt + text reads as the tokenizer's decoder writes it.
        token_ids: the tokens that were added, the ending one included.
        finish_reason: eos (the text ended) or length (max_new_tokens were reached).
        score: with beams, the sum of the tokens' log probabilities over the power of the length; else null.
    """

    text: str
    token_ids: tuple[int, ...]
    finish_reason: str
    score: float | None = None


@dataclass(frozen=True)
class TextGenerationResult:
    """The continuations, num_return_sequences of them; with beams the best comes first."""

    sequences: tuple[GeneratedText, ...]


@dataclass(frozen=True)
class Prompt(Encoded):
    """A prompt as ids, int64 of shape (sequence,), and the id that ends a text (None: none does)."""

    ids: IntArray
    eos_id: int | None


@dataclass(frozen=True)
class Continuation:
    """New tokens: their ids, with the ending one, and the score of a beam."""

    ids: tuple[int, ...]
    score: float | None = None


class TextGenerationHead(Head[TextGenerationRequest, Prompt, TextGenerationResult]):
    """The prompt is `[CLS] text` without [SEP], which would end it: so are decoders made of BERT trained, with [CLS]
    as the first token and [SEP] as the end (transformers' bert2bert, BertGeneration)."""

    def encode(self, request: TextGenerationRequest) -> Prompt:
        """The prompt as one row.

        Raises:
            InputError: prompt and new tokens do not fit the model, nothing to start from, or an unknown `eos`.
        """
        before, after = self.text.template.single
        if request.special_tokens == "none":
            before = ()
        if request.special_tokens != "both":
            after = ()
        ids = np.concatenate([before, self.text.pieces(request.prompt).ids, after]).astype(np.int64)
        eos_id = self.text.token_id(request.eos) if request.eos else None
        problems = list(self._length_problems(len(ids), request.max_new_tokens))
        if request.eos and eos_id is None:
            problems.append(f"eos {request.eos!r:.60} is not in the vocabulary, expected an entry such as [SEP], or ''")
        if problems:
            raise InputError(problems)
        return Prompt((Features(ids, np.zeros_like(ids), np.ones_like(ids)),), ids, eos_id)

    def decode(
        self, request: TextGenerationRequest, encoded: Prompt, outputs: Sequence[Outputs]
    ) -> TextGenerationResult:
        """What one run of the graph over the prompt says: its most probable next token."""
        logits = finite(outputs[0]["logits"], "logits").reshape(-1, outputs[0]["logits"].shape[-1])
        return self.result(encoded, [Continuation((int(logits[-1].argmax()),))])

    def result(self, prompt: Prompt, continuations: Sequence[Continuation]) -> TextGenerationResult:
        """Continuations as text."""
        return TextGenerationResult(tuple(self._text(prompt, each) for each in continuations))

    def continued(self, prompt: Prompt, ids: Sequence[int]) -> str:
        """What new tokens add to the prompt's text: a piece that continues a word needs no space before it."""
        before = self.text.decode(prompt.ids.tolist())
        whole = self.text.decode([*prompt.ids.tolist(), *ids])
        return whole.removeprefix(before) if whole.startswith(before) else self.text.decode(list(ids))

    def _text(self, prompt: Prompt, continuation: Continuation) -> GeneratedText:
        ids = continuation.ids
        ended = bool(ids) and ids[-1] == prompt.eos_id
        reason = "eos" if ended else "length"
        return GeneratedText(self.continued(prompt, ids), ids, reason, continuation.score)

    def _length_problems(self, length: int, new: int) -> Iterator[str]:
        most = self.text.max_length
        if length == 0:
            yield "the prompt holds no token, expected one at least: write a text, or set special_tokens to start"
        if length >= most:
            yield f"the prompt has {length} tokens, expected at most {most - 1}, for the model reads {most}: shorten it"
        elif length + new > most:
            room = f"expected at most {most - length}: the model reads {most}"
            yield f"max_new_tokens is {new} after a prompt of {length} tokens, {room}"


_CACHE_AXES = ("batch", "heads", "past", "size")
_PRESENT_AXES = ("batch", "heads", "total", "size")

TEXT_GENERATION: Task[TextGenerationRequest, Prompt, TextGenerationResult] = Task(
    name="text-generation",
    model_class="BertLMHeadModel",
    reads=Reads.LAST_TOKEN,
    is_autoregressive=True,
    graph_inputs=(
        TensorSpec("input_ids", "int64", ("batch", "sequence")),
        TensorSpec("attention_mask", "int64", ("batch", "total")),
        TensorSpec("past_key_values.{layer}.key", "float32", _CACHE_AXES),
        TensorSpec("past_key_values.{layer}.value", "float32", _CACHE_AXES),
    ),
    outputs=(
        TensorSpec("logits", "float32", ("batch", "vocabulary")),
        TensorSpec("present.{layer}.key", "float32", _PRESENT_AXES),
        TensorSpec("present.{layer}.value", "float32", _PRESENT_AXES),
    ),
    plain_outputs=(
        TensorSpec("logits", "float32", ("batch", "sequence", "vocabulary")),
        TensorSpec("present.{layer}.key", "float32", _PRESENT_AXES),
        TensorSpec("present.{layer}.value", "float32", _PRESENT_AXES),
    ),
    request=TextGenerationRequest,
    head=TextGenerationHead,
    aliases=("lm", "causal-lm"),
    examples=(
        {"prompt": "Paris is the capital of", "max_new_tokens": 8},
        {"prompt": "", "max_new_tokens": 4},
        {
            "prompt": "The cat sat on the mat, and nobody",
            "num_beams": 3,
            "num_return_sequences": 2,
            "max_new_tokens": 6,
        },
        {"prompt": "Le café de Zürich était — 東京も", "max_new_tokens": 5},
        {"prompt": "Once upon a time", "repetition_penalty": 1.3, "max_new_tokens": 6},
        {"prompt": "He plays the violin, she wrote 3.14", "special_tokens": "none", "max_new_tokens": 3},
    ),
)
