"""From a prompt to a text: a loaded bundle whose answers take one run for each token."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import overload

from bert_runtime.backends.engine import Engine
from bert_runtime.errors import BackendError, InputError
from bert_runtime.generation import loop
from bert_runtime.generation.batches import lanes, plan, size
from bert_runtime.generation.decoder import Decoder
from bert_runtime.generation.search import Search
from bert_runtime.manifest import Artefact, Manifest
from bert_runtime.schedule import Budget
from bert_runtime.session import Session
from bert_runtime.tasks.task import Encoded, Task
from bert_runtime.tasks.text_generation import (
    GenerationSettings,
    Prompt,
    TextGenerationHead,
    TextGenerationRequest,
    TextGenerationResult,
)
from bert_runtime.text import TextEncoder

Prompts = list[str] | tuple[str, ...]
GenerationTask = Task[TextGenerationRequest, Prompt, TextGenerationResult]


class GenerationSession(Session[TextGenerationRequest, TextGenerationResult]):
    """A loaded bundle that continues texts; as Session, and with `generate` and `stream`."""

    def __init__(
        self,
        manifest: Manifest,
        task: GenerationTask,
        text: TextEncoder,
        artefact: Artefact,
        engine: Engine,
        budget: Budget,
    ) -> None:
        """Put the parts together; `bert_runtime.load` is the way to make one."""
        super().__init__(manifest, task, text, artefact, engine, budget)
        self._texts = TextGenerationHead(text, manifest.settings)

    @overload
    def generate(self, prompts: str, settings: GenerationSettings = ...) -> TextGenerationResult: ...

    @overload
    def generate(self, prompts: Prompts, settings: GenerationSettings = ...) -> tuple[TextGenerationResult, ...]: ...

    def generate(
        self, prompts: str | Prompts, settings: GenerationSettings | None = None
    ) -> TextGenerationResult | tuple[TextGenerationResult, ...]:
        """Continue a prompt, or several together; batching changes no answer beyond rounding.

        Raises:
            InputError: a prompt cannot be continued as the settings ask, with every problem and its index.
            BackendError: the engine failed.
        """
        if isinstance(prompts, str):
            return self(_request(prompts, settings))
        return tuple(self.predict(_request(prompt, settings) for prompt in prompts))

    def stream(self, request: TextGenerationRequest | Mapping[str, object]) -> Iterator[str]:
        """The text as it grows, in parts that join to the result's `text`; stop early by closing the iterator.

        Raises:
            InputError: the request cannot be answered, or asks for beams or several texts, which grow side by side.
            BackendError: the engine failed.
        """
        checked = self._checked(request)
        if not is_single(checked):
            asked = f"num_beams {checked.num_beams} and num_return_sequences {checked.num_return_sequences}"
            raise InputError(f"streaming with {asked}, expected 1 of both: call the session for whole texts")
        return self._parts(checked, self._texts.encode(checked))

    def _parts(self, request: TextGenerationRequest, prompt: Prompt) -> Iterator[str]:
        search, told = loop.start(prompt, request), ""
        for _ in self._run([request], [prompt], [search]):
            text = self._texts.continued(prompt, search.continuations()[0].ids)
            # A tokenizer's decoder may rewrite the end of a text; what was told cannot be taken back.
            if text.startswith(told) and len(text) > len(told):
                yield text[len(told) :]
                told = text

    def _decoded(
        self, items: Sequence[tuple[TextGenerationRequest, Encoded]]
    ) -> list[TextGenerationResult | BackendError]:
        """Each request's answer; requests of similar length run together."""
        answers: dict[int, TextGenerationResult | BackendError] = {}
        lengths = [(request, len(_prompt(encoded).ids)) for request, encoded in items]
        for batch in plan(lengths, self._budget):
            requests, prompts = [items[i][0] for i in batch], [_prompt(items[i][1]) for i in batch]
            searches = [loop.start(prompt, request) for request, prompt in zip(requests, prompts, strict=True)]
            try:
                for _ in self._run(requests, prompts, searches):
                    pass
            except BackendError as error:  # raised in its turn: the answers before it come first
                answers |= dict.fromkeys(batch, error)
                continue
            found = zip(batch, prompts, searches, strict=True)
            answers |= {i: self._texts.result(prompt, search.continuations()) for i, prompt, search in found}
        return [answers[i] for i in range(len(items))]

    def _run(
        self, requests: Sequence[TextGenerationRequest], prompts: Sequence[Prompt], searches: Sequence[Search]
    ) -> Iterator[None]:
        lengths = [len(prompt.ids) for prompt in prompts]
        _, tokens = size(list(zip(requests, lengths, strict=True)))
        decoder = Decoder(self.engine, self.artefact, self.manifest.sizes, tokens)
        return loop.run(decoder, prompts, searches, self.text.pad_id)


def is_single(settings: GenerationSettings) -> bool:
    """Whether there is one text that grows token by token, so that it can be streamed."""
    return lanes(settings) == 1


def _prompt(encoded: Encoded) -> Prompt:
    assert isinstance(encoded, Prompt)  # what this session's own head made
    return encoded


def _request(prompt: str, settings: GenerationSettings | None) -> TextGenerationRequest:
    given = settings or GenerationSettings()
    names = [field.name for field in fields(GenerationSettings)]
    return TextGenerationRequest(prompt, **{name: getattr(given, name) for name in names})
