"""From a prompt to a text: a loaded bundle whose answers take one run for each token."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import overload

import numpy as np

from bert_runtime.backends.engine import LoadedArtefact
from bert_runtime.errors import InputError, ItemError, Problem, item_error
from bert_runtime.feeds import Feeds
from bert_runtime.generation import loop
from bert_runtime.generation.arguments import Prompts, Source, SourceList, check_types, request_of, sources_of
from bert_runtime.generation.batches import Extent, lanes, plan, size
from bert_runtime.generation.decoder import Decoder
from bert_runtime.generation.flow import Flow, Growth
from bert_runtime.generation.search import Search
from bert_runtime.generation.sources import Sources
from bert_runtime.manifest import ModelRecord
from bert_runtime.schedule import Schedule
from bert_runtime.session import Session
from bert_runtime.tasks.task import Encoded, Features, FloatArray
from bert_runtime.tasks.text_generation import (
    TEXT_GENERATION,
    EncoderStates,
    GenerationSettings,
    Prompt,
    TextGenerationHead,
    TextGenerationRequest,
    TextGenerationResult,
)
from bert_runtime.text import TextEncoder


class GenerationSession(Session[TextGenerationRequest, TextGenerationResult]):
    """A loaded bundle that continues texts; as Session, and with `generate` and `stream`."""

    def __init__(
        self,
        record: ModelRecord,
        text: TextEncoder,
        loaded: LoadedArtefact,
        schedule: Schedule,
        sources: Sources | None = None,
    ) -> None:
        """Put the parts together; `bert_runtime.load` is the way to make one.

        Args:
            sources: for a decoder that reads an encoder, where what it reads comes from.
        """
        super().__init__(record, TEXT_GENERATION, text, loaded, schedule)
        self._texts = TextGenerationHead(text, record.settings)
        self._sources = sources

    @overload
    def generate(
        self, prompts: str, settings: GenerationSettings | None = None, encoder_text: Source | None = None
    ) -> TextGenerationResult: ...

    @overload
    def generate(
        self, prompts: Prompts, settings: GenerationSettings | None = None, encoder_text: SourceList | None = None
    ) -> tuple[TextGenerationResult, ...]: ...

    def generate(
        self,
        prompts: str | Prompts,
        settings: GenerationSettings | None = None,
        encoder_text: Source | SourceList | None = None,
    ) -> TextGenerationResult | tuple[TextGenerationResult, ...]:
        """Continue a prompt, or several together; batching changes no answer beyond rounding.

        Args:
            prompts: one text, or a list of them.
            settings: how to go on; the same for all prompts.
            encoder_text: for a decoder that reads an encoder, what it reads: one for a prompt, a list for a list of
                prompts.

        Raises:
            InputError: a prompt cannot be continued as the settings ask, with every problem and its index.
            BackendError: the engine failed.
        """
        check_types(prompts, settings)
        if isinstance(prompts, str):
            if isinstance(encoder_text, list | tuple):
                raise InputError(
                    f"encoder_text is a {type(encoder_text).__name__} for one prompt, expected a text or EncoderStates"
                )
            return self(request_of(prompts, settings, encoder_text))
        sources = sources_of(len(prompts), encoder_text)
        requests = [request_of(prompt, settings, own) for prompt, own in zip(prompts, sources, strict=True)]
        return tuple(self.predict(requests))

    def stream(self, request: TextGenerationRequest | Mapping[str, object] | str) -> Iterator[str]:
        """The text as it grows, in parts that join to the result's `text`; stop early by closing the iterator.

        Raises:
            InputError: the request cannot be answered, or asks for beams or several texts, which grow side by side.
            BackendError: the engine failed.
        """
        checked = self.task.request.of(request)
        if not is_single(checked):
            asked = f"num_beams {checked.num_beams} and num_return_sequences {checked.num_return_sequences}"
            raise InputError(f"streaming with {asked}, expected 1 of both: call the session for whole texts")
        return self._parts(checked, self._encoded(checked))

    def run_source(self, arrays: Feeds) -> dict[str, FloatArray]:
        """The raw level of the graph that is run once for each source: `encoder_hidden_states`, float32 of
        (sources, source, hidden), to the `cross_key_values` that `run` takes.

        Raises:
            InputError: the bundle has no such graph, or it does not take these arrays.
            BackendError: the engine failed.
        """
        if self._sources is None:
            raise InputError("this decoder reads no encoder, expected a bundle with the graph of a source")
        return self._sources.run(arrays, self.text.max_length)

    def close(self) -> None:
        """See Session; an encoder that was loaded with it is freed as well."""
        super().close()
        if self._sources is not None:
            self._sources.close()

    def _encoded(self, request: TextGenerationRequest) -> Prompt:
        """The prompt, and beside it what the decoder reads; problems of both at once."""
        prompt, problems = None, list[str]()
        try:
            prompt = self._texts.encode(request)
        except InputError as error:
            problems += error.faults
        source: EncoderStates | Features | None = None
        try:
            source = self._source(request.encoder_text)
        except InputError as error:
            problems += error.faults
        if prompt is None or problems:
            raise InputError(problems)
        return replace(prompt, source=source)

    def _source(self, source: Source | None) -> EncoderStates | Features | None:
        if self._sources is not None:
            return self._sources.checked(source)
        if source is not None:
            raise InputError(
                Problem(
                    "unexpected", "encoder_text", "encoder_text is given, expected none: this decoder reads no encoder"
                )
            )
        return None

    def _parts(self, request: TextGenerationRequest, prompt: Prompt) -> Iterator[str]:
        search, told = loop.start(prompt, request), ""
        for _ in self._run([request], [prompt], [search]):
            text = self._texts.continued(prompt, search.continuations()[0].ids)
            # A tokenizer's decoder may rewrite the end of a text, but a part that was yielded stays.
            if text.startswith(told) and len(text) > len(told):
                yield text[len(told) :]
                told = text

    def _probe(self) -> None:
        source = None
        if self._sources is not None:
            source = EncoderStates.whole(np.zeros((1, self.record.sizes["hidden"]), np.float32))
        request = TextGenerationRequest("", source, max_new_tokens=1)
        self._answer(request, self._encoded(request))

    def _answer(self, request: TextGenerationRequest, encoded: Encoded) -> TextGenerationResult:
        """One request's answer; raises BackendError."""
        (answer,) = self._decoded([(request, encoded)])
        if isinstance(answer, ItemError):
            raise answer
        return answer

    def _decoded(
        self, items: Sequence[tuple[TextGenerationRequest, Encoded]]
    ) -> list[TextGenerationResult | ItemError]:
        """Each request's answer, or the error of its batch; requests of similar length run together."""
        answers: dict[int, TextGenerationResult | ItemError] = {}
        for batch in plan([_extent(request, _prompt(encoded)) for request, encoded in items], self.batch_limits):
            try:
                answers |= zip(batch, self._generated([items[i] for i in batch]), strict=True)
            except Exception as error:
                answers |= dict.fromkeys(batch, item_error(error))
        return [answers[i] for i in range(len(items))]

    def _generated(self, items: Sequence[tuple[TextGenerationRequest, Encoded]]) -> list[TextGenerationResult]:
        """The answers of one batch."""
        requests, prompts = [request for request, _ in items], [_prompt(encoded) for _, encoded in items]
        searches = [loop.start(prompt, request) for request, prompt in zip(requests, prompts, strict=True)]
        for _ in self._run(requests, prompts, searches):
            pass
        found = zip(prompts, searches, strict=True)
        return [self._texts.result(prompt, search.continuations()) for prompt, search in found]

    def flow(self) -> Flow:
        """Texts that grow together from now on: what a service continues requests with."""
        return Flow(self._decoder, self.text.pad_id)

    def continued(self, growth: Growth) -> str:
        """The text that a growth has added so far; of several, the first."""
        return self._texts.continued(growth.prompt, growth.search.continuations()[0].ids)

    def result(self, growth: Growth) -> TextGenerationResult:
        """The answer of a growth that is done."""
        return self._texts.result(growth.prompt, growth.search.continuations())

    def _run(
        self, requests: Sequence[TextGenerationRequest], prompts: Sequence[Prompt], searches: Sequence[Search]
    ) -> Iterator[None]:
        return loop.run(self._decoder(requests, prompts), prompts, searches, self.text.pad_id)

    def _decoder(self, requests: Sequence[TextGenerationRequest], prompts: Sequence[Prompt]) -> Decoder:
        """A decoder with room for these; raises BackendError."""
        _, tokens = size([_extent(request, prompt) for request, prompt in zip(requests, prompts, strict=True)])
        cross = self._sources.read(prompts) if self._sources is not None else None
        return Decoder(self.engine, self.artefact, self.record.sizes, tokens, cross)


def is_single(settings: GenerationSettings) -> bool:
    """Whether there is one text that grows token by token, so that it can be streamed."""
    return lanes(settings) == 1


def _prompt(encoded: Encoded) -> Prompt:
    assert isinstance(encoded, Prompt)  # what this session's own head made
    return encoded


def _extent(request: TextGenerationRequest, prompt: Prompt) -> Extent:
    return Extent(request, len(prompt.ids), prompt.source_length)
