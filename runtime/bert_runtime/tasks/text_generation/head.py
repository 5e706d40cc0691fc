"""From a prompt to its tokens, and from new tokens to a text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bert_runtime.errors import InputError, Problem
from bert_runtime.tasks.result import Result
from bert_runtime.tasks.scores import finite
from bert_runtime.tasks.task import Encoded, Features, Head, IntArray, Outputs
from bert_runtime.tasks.text_generation.encoder_states import EncoderStates
from bert_runtime.tasks.text_generation.request import TextGenerationRequest


@dataclass(frozen=True)
class GeneratedText(Result):
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
class TextGenerationResult(Result):
    """The continuations, num_return_sequences of them; with beams the best comes first."""

    sequences: tuple[GeneratedText, ...]


@dataclass(frozen=True)
class Prompt(Encoded):
    """A prompt as ids, int64 of shape (sequence,), and the id that ends a text (None: none does).

    Attributes:
        source: what the decoder reads besides: an encoder's states, or the row that an encoder is still to read.
    """

    ids: IntArray
    eos_id: int | None
    source: EncoderStates | Features | None = None

    @property
    def tokens(self) -> int:
        """See Encoded."""
        return len(self.ids) + self.source_length

    @property
    def source_length(self) -> int:
        """How many tokens the source has; 0 where there is none."""
        if isinstance(self.source, EncoderStates):
            return len(self.source.mask)
        return 0 if self.source is None else len(self.source.ids)


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
        eos_id = self._eos_id(request.eos)
        problems = list(self._length_problems(len(ids), request.max_new_tokens))
        if request.eos and eos_id is None:
            problems.append(
                Problem(
                    "not-in-vocabulary",
                    "eos",
                    f"eos {request.eos!r:.60} is not in the vocabulary, expected one of its entries, or ''",
                )
            )
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

    def _eos_id(self, eos: str | None) -> int | None:
        """The id that ends a text: of an entry of the vocabulary, or what the tokenizer puts after a text."""
        if eos is None:
            return next(iter(self.text.template.single[1]), None)
        return self.text.token_id(eos) if eos else None

    def _text(self, prompt: Prompt, continuation: Continuation) -> GeneratedText:
        ids = continuation.ids
        ended = bool(ids) and ids[-1] == prompt.eos_id
        reason = "eos" if ended else "length"
        return GeneratedText(self.continued(prompt, ids), ids, reason, continuation.score)

    def _length_problems(self, length: int, new: int) -> Iterator[str]:
        most = self.text.max_length
        if length == 0:
            yield Problem(
                "empty",
                "prompt",
                "the prompt holds no token, expected one at least: write a text, or set special_tokens to start",
            )
        if length >= most:
            yield Problem(
                "too-long",
                "prompt",
                f"the prompt has {length} tokens, expected at most {most - 1}, for the model reads {most}: shorten it",
            )
        elif length + new > most:
            room = f"expected at most {most - length}: the model reads {most}"
            yield Problem(
                "too-long", "max_new_tokens", f"max_new_tokens is {new} after a prompt of {length} tokens, {room}"
            )
