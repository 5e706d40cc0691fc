"""feature-extraction: a vector for a text, such as sentence embeddings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bert_runtime.errors import BundleError, InputError, Problem
from bert_runtime.tasks.request import Request
from bert_runtime.tasks.result import Result
from bert_runtime.tasks.scores import finite
from bert_runtime.tasks.task import Encoded, Features, FloatArray, Head, HeadSettings, IntArray, Outputs, Reads, Task
from bert_runtime.tasks.tensors import TensorSpec
from bert_runtime.text import TextEncoder

Vector = NDArray[np.float64]

PLAIN_POOLINGS = ("mean", "cls", "pooler")
"""Those that are computed here where the graph is that of transformers' class."""
POOLINGS = (*PLAIN_POOLINGS, "max", "lasttoken", "weightedmean", "mean_sqrt_len_tokens")
"""The modes of sentence-transformers' Pooling module, and BERT's own pooler."""


@dataclass(frozen=True)
class FeatureExtractionRequest(Request):
    """A text; it may be empty.

    Attributes:
        prompt_name: which of the bundle's prompts is put before the text; None is the bundle's default, and "" none.
        dimensions: how many numbers of the vector are kept, from its start, of a model that was trained for it
            (Kusupati et al. 2022, "Matryoshka representation learning"); None keeps all. Unit vectors are scaled anew.
    """

    text: str
    prompt_name: str | None = None
    dimensions: int | None = None

    def problems(self) -> Iterator[str]:
        """Dimensions below 1."""
        if self.dimensions is not None and self.dimensions < 1:
            yield Problem(
                "out-of-range",
                "dimensions",
                f"dimensions is {self.dimensions}, expected 1 at least; leave it out for the whole vector",
            )


@dataclass(frozen=True, eq=False)
class FeatureExtractionResult(Result):
    """The vector of a text.

    Attributes:
        vector: float32 of shape (hidden,) or (dimensions,), read-only, and a copy: it does not keep the batch in
            memory.
        truncated: the end of the text was cut off, because it is longer than the model reads.
    """

    vector: FloatArray
    truncated: bool


@dataclass(frozen=True)
class FeatureExtractionEncoded(Encoded):
    """The text as one row."""

    truncated: bool


class FeatureExtractionHead(Head[FeatureExtractionRequest, FeatureExtractionEncoded, FeatureExtractionResult]):
    """Takes the vector from a graph that pools, and pools what a plain graph gives."""

    def __init__(self, text: TextEncoder, settings: HeadSettings) -> None:
        """Bind the tokenizer and the settings.

        Raises:
            BundleError: `pooling` or `normalize` is missing or unknown.
        """
        super().__init__(text, settings)
        problems = []
        if settings.pooling not in POOLINGS:
            problems.append(
                Problem(
                    "wrong-value",
                    "settings.pooling",
                    f"pooling is {settings.pooling!r}, expected {', '.join(POOLINGS)}",
                )
            )
        if settings.normalize is None:
            problems.append(
                Problem("missing-key", "settings.normalize", "normalize is missing, expected true or false")
            )
        if problems:
            raise BundleError("; ".join(problems) + "; export the bundle again", problems)

    def fetch(self, available: Sequence[str]) -> tuple[str, ...]:
        """One output: the vector where the graph pools, else what the vector is made of.

        Raises:
            BundleError: the graph has no such output.
        """
        unpooled = "pooler_output" if self.settings.pooling == "pooler" else "last_hidden_state"
        for name in ("sentence_embedding", unpooled):
            if name in available and (name != unpooled or self.settings.pooling in PLAIN_POOLINGS):
                return (name,)
        got = ", ".join(available)
        raise BundleError(
            Problem(
                "wrong-signature",
                "outputs",
                f"the graph gives {got}, expected sentence_embedding or {unpooled}; export the bundle again",
            )
        )

    def encode(self, request: FeatureExtractionRequest) -> FeatureExtractionEncoded:
        pieces = self.text.pieces(self._prompt(request.prompt_name) + request.text)
        kept, _ = self.text.truncate(pieces)
        return FeatureExtractionEncoded((Features.from_row(self.text.row(kept)),), truncated=len(kept) < len(pieces))

    def decode(
        self, request: FeatureExtractionRequest, encoded: FeatureExtractionEncoded, outputs: Sequence[Outputs]
    ) -> FeatureExtractionResult:
        (name,) = self.fetch(tuple(outputs[0]))
        values = finite(outputs[0][name], name)
        if name != "sentence_embedding":
            values = pool(values, encoded.features[0].mask, self.settings)
        vector = np.array(values, dtype=np.float32)
        if request.dimensions is not None:
            vector = first_dimensions(vector, request.dimensions, bool(self.settings.normalize))
        vector.flags.writeable = False
        return FeatureExtractionResult(vector, encoded.truncated)

    def _prompt(self, name: str | None) -> str:
        """What is put before a text.

        Raises:
            InputError: the bundle has no prompt of this name.
        """
        prompts = self.settings.prompts
        chosen = self.settings.default_prompt if name is None else name
        if not chosen:
            return ""
        if chosen not in prompts:
            known = ", ".join(prompts) or "none"
            raise InputError(
                Problem(
                    "wrong-value",
                    "prompt_name",
                    f"prompt_name is {chosen!r:.60}, expected one of the bundle's prompts: {known}",
                )
            )
        return prompts[chosen]


def first_dimensions(vector: FloatArray, count: int, normalize: bool) -> FloatArray:
    """The first `count` numbers of a vector, scaled to length 1 where `normalize` says so.

    Raises:
        InputError: the vector has fewer.
    """
    if count > len(vector):
        raise InputError(
            Problem(
                "out-of-range",
                "dimensions",
                f"dimensions is {count}, expected {len(vector)} at most, those of the model's vectors",
            )
        )
    kept: Vector = vector[:count].astype(np.float64)
    if normalize:
        kept = kept / max(float(np.linalg.norm(kept)), 1e-12)
    return kept.astype(np.float32)


def pool(values: FloatArray, mask: IntArray, settings: HeadSettings) -> FloatArray:
    """One vector, of shape (hidden,), by the formulas of sentence-transformers' Pooling and Normalize modules.

    Args:
        values: the last hidden state, (sequence, hidden); for the pooler its output, (hidden,).
        mask: (sequence,): 1 for a token, 0 for padding.
        settings: `pooling` is mean (over the tokens), cls (the first token) or pooler; `normalize` scales to length 1.
    """
    vector: Vector = values.astype(np.float64)
    if vector.ndim == 2:
        vector = _mean(vector, mask) if settings.pooling == "mean" else vector[0]
    if settings.normalize:
        vector = vector / max(float(np.linalg.norm(vector)), 1e-12)
    return vector.astype(np.float32)


def _mean(states: Vector, mask: IntArray) -> Vector:
    """The mean of the rows that the mask keeps; 1e-9 stands for an empty text's count, as in sentence-transformers."""
    mean: Vector = (states * mask[:, None]).sum(axis=0) / max(int(mask.sum()), 1e-9)
    return mean


FEATURE_EXTRACTION: Task[FeatureExtractionRequest, FeatureExtractionEncoded, FeatureExtractionResult] = Task(
    name="feature-extraction",
    model_class="BertModel",
    reads=Reads.ALL_TOKENS,
    outputs=(
        TensorSpec("last_hidden_state", "float32", ("batch", "sequence", "hidden")),
        TensorSpec("sentence_embedding", "float32", ("batch", "hidden")),
    ),
    plain_outputs=(
        TensorSpec("last_hidden_state", "float32", ("batch", "sequence", "hidden")),
        TensorSpec("pooler_output", "float32", ("batch", "hidden")),
    ),
    request=FeatureExtractionRequest,
    head=FeatureExtractionHead,
    aliases=("embedding", "embeddings"),
    settings=("pooling", "normalize", "prompts", "default_prompt"),
    examples=(
        {"text": "A man is playing a guitar."},
        {"text": "Das Café in Zürich öffnet um neun."},
        {"text": "東京は日本の首都です。"},
        {"text": "I love it 😍👍🏽!!!"},
        {"text": ""},
        {"text": "The committee, which had met on the third of May, adjourned without a vote; " * 4},
    ),
)
