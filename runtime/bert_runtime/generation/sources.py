"""What a decoder reads besides its prompt: an encoder's states, or a text for the encoder that was loaded with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bert_runtime.backends.engine import Engine
from bert_runtime.errors import BundleError, InputError, Problem
from bert_runtime.feeds import Feeds, feed_problems
from bert_runtime.generation.cross_cache import CrossCache
from bert_runtime.generation.encoder import Encoder
from bert_runtime.manifest import Graph
from bert_runtime.tasks.task import Features, FloatArray
from bert_runtime.tasks.text_generation import EncoderStates, Prompt


class Sources:
    """The graph that makes keys and values of states, and the encoder, if there is one, that makes states of texts."""

    def __init__(self, graph: Graph, engine: Engine, sizes: Mapping[str, int], encoder: Encoder | None = None) -> None:
        """Put them together.

        Raises:
            BundleError: the encoder is not of the decoder's width.
        """
        self._graph = graph
        self._engine = engine
        self._sizes = sizes
        self._encoder = encoder
        if encoder is not None and encoder.width != sizes["hidden"]:
            raise BundleError(
                Problem(
                    "contradiction",
                    "encoder",
                    f"the encoder says {encoder.width} numbers of a token, expected {sizes['hidden']}, which "
                    "this decoder "
                    "reads: give the encoder that it was trained with",
                )
            )

    def checked(self, source: str | EncoderStates | None) -> EncoderStates | Features:
        """What a request names as its source, ready to be read.

        Raises:
            InputError: nothing, a text without an encoder or too long for it, or states of another width.
        """
        if source is None:
            raise InputError(
                Problem(
                    "missing-field",
                    "encoder_text",
                    "encoder_text is missing, expected the text, or the EncoderStates, that this decoder reads",
                )
            )
        if isinstance(source, EncoderStates):
            width, wanted = source.hidden.shape[1], self._sizes["hidden"]
            if width != wanted:
                raise InputError(
                    Problem(
                        "wrong-shape",
                        "encoder_text.hidden",
                        f"encoder_text.hidden has {width} numbers for a token, expected {wanted}: give the states of "
                        "this decoder's own encoder",
                    )
                )
            return source
        if self._encoder is None:
            raise InputError(
                Problem(
                    "no-encoder",
                    "encoder_text",
                    "encoder_text is a text and no encoder was loaded, expected EncoderStates: or name the encoder's "
                    "bundle when loading (Options(encoder=DIR), --encoder DIR)",
                )
            )
        return self._encoder.row(source)

    def read(self, prompts: Sequence[Prompt]) -> CrossCache:
        """The keys and values of the prompts' sources; raises BackendError."""
        states = {i: prompt.source for i, prompt in enumerate(prompts) if isinstance(prompt.source, EncoderStates)}
        rows = {i: prompt.source for i, prompt in enumerate(prompts) if isinstance(prompt.source, Features)}
        if self._encoder is not None:
            states |= dict(zip(rows, self._encoder.states(list(rows.values())), strict=True))
        return CrossCache(self._engine, self._graph, self._sizes, [states[i] for i in range(len(prompts))])

    def run(self, arrays: Feeds, max_length: int) -> dict[str, FloatArray]:
        """The raw level; raises InputError for what the graph does not take, and BackendError."""
        problems = feed_problems(arrays, self._graph, max_length)
        if problems:
            raise InputError(problems)
        return self._engine.run(arrays, [spec.name for spec in self._graph.outputs])

    def close(self) -> None:
        """Free the graph and the encoder."""
        self._engine.close()
        if self._encoder is not None:
            self._encoder.close()
