"""next-sentence-prediction: whether one text follows another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bert_runtime.errors import BackendError
from bert_runtime.tasks.request import Request
from bert_runtime.tasks.result import Result
from bert_runtime.tasks.scores import finite, softmax
from bert_runtime.tasks.task import Encoded, Features, FloatArray, Head, Outputs, Reads, Task
from bert_runtime.tasks.tensors import TensorSpec


@dataclass(frozen=True)
class NextSentencePredictionRequest(Request):
    """A text, and the one that may follow it."""

    text: str
    next_text: str


@dataclass(frozen=True)
class NextSentencePredictionResult(Result):
    """Whether `next_text` follows; `score` is the probability that it does.

    Attributes:
        is_next: the score is at least one half.
        score: from 0 to 1.
        truncated: the end of a text was cut off, because the two together are longer than the model reads.
    """

    is_next: bool
    score: float
    truncated: bool


@dataclass(frozen=True)
class NextSentencePredictionEncoded(Encoded):
    """The pair as one row."""

    truncated: bool


class NextSentencePredictionHead(
    Head[NextSentencePredictionRequest, NextSentencePredictionEncoded, NextSentencePredictionResult]
):
    """The longer text loses its end where the two do not fit."""

    def encode(self, request: NextSentencePredictionRequest) -> NextSentencePredictionEncoded:
        first, second = self.text.pieces(request.text), self.text.pieces(request.next_text)
        row = self.text.row(*self.text.truncate(first, second))
        truncated = len(first) + len(second) > self.text.room(pair=True)
        return NextSentencePredictionEncoded((Features.from_row(row),), truncated)

    def decode(
        self,
        request: NextSentencePredictionRequest,
        encoded: NextSentencePredictionEncoded,
        outputs: Sequence[Outputs],
    ) -> NextSentencePredictionResult:
        score = next_score(outputs[0]["logits"], "logits")
        return NextSentencePredictionResult(score >= 0.5, score, encoded.truncated)


def next_score(logits: FloatArray, name: str) -> float:
    """The probability that the second text follows the first, from logits of shape (2,): "is next", then "is not".

    The order is that of BERT's pretraining, and of `seq_relationship` in transformers.

    Raises:
        BackendError: another shape, or a value that is not finite; `name` is the graph's output.
    """
    if logits.shape != (2,):
        raise BackendError(f"{name!r} has the shape {logits.shape}, expected (2 classes,); export the bundle again")
    return float(softmax(finite(logits, name))[0])


NEXT_SENTENCE_PREDICTION: Task[
    NextSentencePredictionRequest, NextSentencePredictionEncoded, NextSentencePredictionResult
] = Task(
    name="next-sentence-prediction",
    model_class="BertForNextSentencePrediction",
    reads=Reads.FIRST_TOKEN,
    outputs=(TensorSpec("logits", "float32", ("batch", "classes")),),
    request=NextSentencePredictionRequest,
    head=NextSentencePredictionHead,
    aliases=("nsp",),
    examples=(
        {"text": "The lights went out.", "next_text": "She looked for a candle in the kitchen."},
        {"text": "The lights went out.", "next_text": "Penguins are birds that cannot fly."},
        {"text": "Wann fährt der Zug nach München?", "next_text": "Um halb neun, von Gleis fünf."},
        {
            "text": "東京は日本の首都です。",
            "next_text": "人口は約1400万人です。",
        },
        {"text": "We won!!! 🎉🏆", "next_text": "Everybody danced until dawn 💃🏽."},
        {
            "text": "No.",
            "next_text": "The committee, which had met on the third of May, adjourned without a vote; " * 3,
        },
    ),
)
