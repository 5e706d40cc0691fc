"""feature-extraction: a vector for a text, such as sentence embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bert_runtime.errors import BundleError, Problem
from bert_runtime.tasks.request import Request
from bert_runtime.tasks.result import Result
from bert_runtime.tasks.scores import finite
from bert_runtime.tasks.task import (
    Encoded,
    Features,
    FloatArray,
    Head,
    HeadSettings,
    IntArray,
    Outputs,
    Reads,
    Task,
    TensorSpec,
)
from bert_runtime.text import TextEncoder

Vector = NDArray[np.float64]

POOLINGS = ("mean", "cls", "pooler")


@dataclass(frozen=True)
class FeatureExtractionRequest(Request):
    """A text; it may be empty."""

    text: str


@dataclass(frozen=True, eq=False)
class FeatureExtractionResult(Result):
    """The vector of a text.

    Attributes:
        vector: float32 of shape (hidden,), read-only, and a copy: it does not keep the batch in memory.
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
            if name in available:
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
        pieces = self.text.pieces(request.text)
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
        vector.flags.writeable = False
        return FeatureExtractionResult(vector, encoded.truncated)


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
    settings=("pooling", "normalize"),
    examples=(
        {"text": "A man is playing a guitar."},
        {"text": "Das Café in Zürich öffnet um neun."},
        {"text": "東京は日本の首都です。"},
        {"text": "I love it 😍👍🏽!!!"},
        {"text": ""},
        {"text": "The committee, which had met on the third of May, adjourned without a vote; " * 4},
    ),
)
