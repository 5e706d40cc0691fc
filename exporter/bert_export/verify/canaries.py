"""Torch's outputs and answers to a few of a task's examples: the canaries of a bundle."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bert_export.checkpoint import Checkpoint
from bert_export.verify.reference import Reference
from bert_runtime.canaries import Canary, Sample
from bert_runtime.errors import InputError
from bert_runtime.record_writers import to_json
from bert_runtime.schedule import collate, split
from bert_runtime.tasks.task import Encoded, Features, Head, Outputs, Task
from bert_runtime.tasks.text_generation import Continuation, Prompt

GREEDY = ("prompt", "max_new_tokens", "special_tokens")
"""What a canary of a decoder keeps of an example: without beams and penalties, torch's answer is its most probable
token each time."""

MOST = 6
"""Canaries of a bundle: every one of them is answered twice, by each artefact."""


def canaries_of(checkpoint: Checkpoint, reference: Reference, plain: bool) -> tuple[Canary, ...]:
    """What torch says to examples of different kinds; nothing for a decoder that reads an encoder."""
    if checkpoint.reads_encoder:
        return ()
    task, text = checkpoint.task, checkpoint.tokenizer.encoder()
    asking = _Asking(task, task.head(text, checkpoint.settings), reference, plain)
    records = [_greedy(each) if task.is_autoregressive else each for each in task.examples_for(text)]
    asked = [(record, encoded) for record in records for encoded in asking.encoded(record)]
    return tuple(asking.canary(record, encoded) for record, encoded in _chosen(asked))


@dataclasses.dataclass(frozen=True)
class _Asking:
    """The head, and torch behind it."""

    task: Task[Any, Any, Any]
    head: Head[Any, Any, Any]
    reference: Reference
    plain: bool

    def encoded(self, record: Mapping[str, Any]) -> list[Encoded]:
        """An example's rows; none of one that this checkpoint cannot be asked."""
        try:
            found = self.head.encode(self.task.request.from_record(record))
        except InputError:  # a short model or a small vocabulary has no room for it
            return []
        fits = all(row.type_ids.max(initial=0) < self.reference.types for row in found.features)
        return [found] if fits else []

    def canary(self, record: Mapping[str, Any], encoded: Encoded) -> Canary:
        """What torch says to it."""
        request = self.task.request.from_record(record)
        if isinstance(encoded, Prompt):
            return Canary(record, _object(self._continued(request, encoded)))
        names = self.head.fetch(tuple(spec.name for spec in self.task.graph_outputs(self.plain)))
        rows = [self._outputs(row) for row in encoded.features]
        samples = tuple({name: Sample.of(row[name]) for name in names} for row in rows)
        return Canary(record, _object(self.head.decode(request, encoded, rows)), samples)

    def _outputs(self, row: Features) -> Outputs:
        feeds = collate([row], self.head.text.pad_id)
        inputs = [spec.name for spec in self.task.inputs(self.plain)]
        found = self.reference.run({name: feeds[name] for name in inputs})
        return split(found, [row], self.task.graph_outputs(self.plain))[0]

    def _continued(self, request: Any, prompt: Prompt) -> object:
        """The most probable token, again and again, read from the start each time."""
        ids: list[int] = []
        while len(ids) < request.max_new_tokens and (not ids or ids[-1] != prompt.eos_id):
            read = np.concatenate([prompt.ids, np.array(ids, np.int64)])[None]
            logits = self.reference.run_cached({"input_ids": read, "attention_mask": np.ones_like(read)})["logits"]
            ids.append(int(logits[0, -1].argmax()))
        head: Any = self.head
        return head.result(prompt, [Continuation(tuple(ids))])


def _chosen(asked: Sequence[tuple[Mapping[str, Any], Encoded]]) -> list[tuple[Mapping[str, Any], Encoded]]:
    """The shortest, the longest, and others spread between them, in the examples' own order."""
    by_length = sorted(range(len(asked)), key=lambda index: asked[index][1].tokens)
    places = np.unique(np.linspace(0, len(asked) - 1, min(MOST, len(asked))).round().astype(int))
    return [asked[index] for index in sorted(by_length[place] for place in places)]


def _greedy(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key in GREEDY}


def _object(answer: object) -> dict[str, Any]:
    found = to_json(answer)
    assert isinstance(found, dict)  # every result is a dataclass
    return found
