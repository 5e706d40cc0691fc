"""A reference that remembers answers as torch does, and asks it nothing twice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import transformers
from tests.exporter.conftest import TinyCheckpoint

from bert_export.verify import reference as module
from bert_export.verify.reference import Reference, RememberingReference
from bert_runtime.tasks import find_task
from bert_runtime.tasks.task import HeadSettings

TASK = find_task("token-classification")


@pytest.fixture
def model(tiny_checkpoint: TinyCheckpoint) -> Any:
    return getattr(transformers, TASK.model_class).from_pretrained(tiny_checkpoint(TASK.name, {})).eval()


@pytest.fixture
def runs(model: Any) -> list[int]:
    """How many rows each run of torch had."""
    seen: list[int] = []

    def hook(_: torch.nn.Module, __: Any, inputs: dict[str, torch.Tensor], ___: Any) -> None:
        seen.append(len(inputs["input_ids"]))

    model.register_forward_hook(hook, with_kwargs=True)
    return seen


def feeds(rows: int, first: int = 5) -> dict[str, np.ndarray[Any, np.dtype[np.int64]]]:
    ids = np.full((rows, 6), 7, np.int64)
    ids[0, 0] = first
    return {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}


def test_the_same_question_runs_torch_once_and_another_one_does(model: Any, runs: list[int]) -> None:
    plain = Reference(model, TASK, HeadSettings(), plain=False).run(feeds(2))["logits"]
    runs.clear()
    remembering = RememberingReference(model, TASK, HeadSettings(), plain=False)
    for _ in range(3):
        np.testing.assert_array_equal(remembering.run(feeds(2))["logits"], plain)
    assert runs == [2]
    assert not np.array_equal(remembering.run(feeds(2, first=9))["logits"], plain), "one id is another"
    one_row = {name: array.reshape(1, 12) for name, array in feeds(2).items()}
    assert remembering.run(one_row)["logits"].shape == (1, 12, 3), "the same bytes in another shape"
    assert runs == [2, 2, 1]


def test_what_is_remembered_cannot_be_written_into(model: Any) -> None:
    answer = RememberingReference(model, TASK, HeadSettings(), plain=False).run(feeds(1))["logits"]
    with pytest.raises(ValueError, match="read-only"):
        answer[0] = 0


def test_answers_beyond_its_memory_are_asked_again(
    model: Any, runs: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 100)  # bytes: a row's answer is 6 x 3 floats, 72
    remembering = RememberingReference(model, TASK, HeadSettings(), plain=False)
    for rows in (1, 2, 2, 1):
        remembering.run(feeds(rows))
    assert runs == [1, 2, 2]
