"""multiple-choice: which of several texts goes best with a prompt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bert_runtime.errors import BackendError, Problem
from bert_runtime.tasks.request import Request
from bert_runtime.tasks.result import Result
from bert_runtime.tasks.scores import finite, softmax, top
from bert_runtime.tasks.task import Encoded, Features, Head, IntArray, Outputs, Reads, Task
from bert_runtime.tasks.tensors import TensorSpec
from bert_runtime.text import Row, TextEncoder


@dataclass(frozen=True)
class MultipleChoiceRequest(Request):
    """A prompt, such as a question or a half-told story, and one choice or more."""

    prompt: str
    choices: tuple[str, ...]

    def problems(self) -> Iterator[str]:
        if not self.choices:
            yield Problem(
                "empty",
                "choices",
                "choices is empty, expected at least one text to choose from: give the choices as a list of strings",
            )


@dataclass(frozen=True)
class MultipleChoiceResult(Result):
    """The best choice.

    Attributes:
        choice: its index in the request's `choices`.
        text: the choice itself.
        scores: the probability of each choice among all, in the order of the request.
        truncated: the end of the prompt or of a choice was cut off, because the model does not read as much.
    """

    choice: int
    text: str
    scores: tuple[float, ...]
    truncated: bool


@dataclass(frozen=True)
class MultipleChoiceEncoded(Encoded):
    """One row for each choice, in one Features of shape (choices, sequence)."""

    truncated: bool


class MultipleChoiceHead(Head[MultipleChoiceRequest, MultipleChoiceEncoded, MultipleChoiceResult]):
    """Reads (prompt, choice) as a pair; the longer of the two loses its end where they do not fit."""

    def encode(self, request: MultipleChoiceRequest) -> MultipleChoiceEncoded:
        prompt = self.text.pieces(request.prompt)
        choices = [self.text.pieces(choice) for choice in request.choices]
        rows = [self.text.row(*self.text.truncate(prompt, choice)) for choice in choices]
        truncated = len(prompt) + max(map(len, choices)) > self.text.room(pair=True)
        return MultipleChoiceEncoded((stack(rows, self.text),), truncated)

    def decode(
        self, request: MultipleChoiceRequest, encoded: MultipleChoiceEncoded, outputs: Sequence[Outputs]
    ) -> MultipleChoiceResult:
        logits, count = outputs[0]["logits"], len(request.choices)
        if logits.shape != (count,):
            raise BackendError(
                f"'logits' has the shape {logits.shape}, expected ({count} choices,); export the bundle again"
            )
        scores = softmax(finite(logits, "logits"))
        best = top(scores, 1)[0]
        return MultipleChoiceResult(best, request.choices[best], tuple(scores.tolist()), encoded.truncated)


def stack(rows: Sequence[Row], text: TextEncoder) -> Features:
    """Rows of unequal length as one Features of shape (choices, sequence), padded on the right."""
    lengths = np.array([len(row.ids) for row in rows])
    mask = (np.arange(lengths.max()) < lengths[:, None]).astype(np.int64)
    ids = np.full(mask.shape, text.pad_id, dtype=np.int64)
    type_ids = np.zeros_like(mask)
    ids[mask == 1] = _joined([row.ids for row in rows])
    type_ids[mask == 1] = _joined([row.type_ids for row in rows])
    return Features(ids, type_ids, mask)


def _joined(arrays: Sequence[IntArray]) -> IntArray:
    return np.concatenate(arrays)


MULTIPLE_CHOICE: Task[MultipleChoiceRequest, MultipleChoiceEncoded, MultipleChoiceResult] = Task(
    name="multiple-choice",
    model_class="BertForMultipleChoice",
    reads=Reads.FIRST_TOKEN,
    outputs=(TensorSpec("logits", "float32", ("batch", "choices")),),
    request=MultipleChoiceRequest,
    head=MultipleChoiceHead,
    aliases=("mc",),
    choices=True,
    examples=(
        {"prompt": "She poured water into the kettle.", "choices": ["She made tea.", "She flew to the moon."]},
        {"prompt": "The opposite of hot is", "choices": ["cold", "a very large and friendly dog", "warm", "seven"]},
        {
            "prompt": "Was trinkt man in München?",
            "choices": ["Bier 🍺", "Heizöl", "東京ではお茶"],
        },
        {"prompt": "Only one way out:", "choices": ["the door"]},
        {"prompt": "👍🏽 means", "choices": ["yes ✅", "no ❌", "café", "∞", ""]},
        {
            "prompt": "After a long day at the harbour, the old sailor, who had seen every ocean, sat down and",
            "choices": ["slept", "x"],
        },
    ),
)
