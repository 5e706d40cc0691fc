"""The cases that the Python and the C++ runtime share; the heads' own tests hold them against the models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.faults import report_of

from bert_runtime.errors import BertError
from bert_runtime.tasks.feature_extraction import FEATURE_EXTRACTION
from bert_runtime.tasks.fill_mask import FILL_MASK
from bert_runtime.tasks.multiple_choice import MULTIPLE_CHOICE
from bert_runtime.tasks.next_sentence_prediction import NEXT_SENTENCE_PREDICTION
from bert_runtime.tasks.pretraining import PRETRAINING
from bert_runtime.tasks.task import Features, HeadSettings, Outputs, Task
from bert_runtime.tasks.text_generation import TEXT_GENERATION
from bert_runtime.text import TextEncoder
from bert_runtime.tokenizer_record import TokenizerRecord

CASES = Path(__file__).parents[2] / "cases"
TASKS: tuple[Task[Any, Any, Any], ...] = (
    FILL_MASK,
    PRETRAINING,
    NEXT_SENTENCE_PREDICTION,
    MULTIPLE_CHOICE,
    FEATURE_EXTRACTION,
    TEXT_GENERATION,
)


@dataclass(frozen=True)
class Case:
    """One entry of a case file; `result` or `error` is set."""

    name: str
    request: dict[str, Any]
    max_length: int
    settings: dict[str, Any]
    features: tuple[dict[str, Any], ...] = ()
    outputs: tuple[dict[str, Any], ...] = ()
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    tokenizer: dict[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> TextEncoder:
        """tiny_tokenizer.json as a usual manifest describes it, unless `tokenizer` says otherwise."""
        usual = TokenizerRecord("tiny_tokenizer.json", self.max_length, pad_id=0, mask_id=4)
        record = replace(usual, **self.tokenizer)
        return TextEncoder.from_file(CASES / record.file, record)


def read() -> Iterator[Any]:
    for task in TASKS:
        content = json.loads((CASES / f"{task.name.replace('-', '_')}.json").read_text("utf-8"))
        for record in content["cases"]:
            yield pytest.param(task, Case(**record), id=f"{task.name}: {record['name']}")


def answered(task: Task[Any, Any, Any], case: Case) -> tuple[list[Features], dict[str, Any]]:
    """The rows, and the result as JSON keeps it."""
    head = task.head(case.text, HeadSettings(**case.settings))
    request = task.request.from_record(case.request)
    encoded = head.encode(request)
    outputs: list[Outputs] = [{name: array(values) for name, values in row.items()} for row in case.outputs]
    result = asdict(head.decode(request, encoded, outputs))
    return list(encoded.features), json.loads(json.dumps(result, default=np.ndarray.tolist))


def array(values: list[Any]) -> NDArray[np.float32]:
    """float32; null is NaN, and an empty list no masks in a vocabulary of one."""
    return np.array(values, dtype=np.float32) if values else np.zeros((0, 1), np.float32)


def assert_close(got: Any, expected: Any) -> None:
    """Equal structures, numbers within 1e-6."""
    if isinstance(expected, dict):
        assert got.keys() == expected.keys()
        for key, value in expected.items():
            assert_close(got[key], value)
    elif isinstance(expected, list):
        assert len(got) == len(expected)
        for one, other in zip(got, expected, strict=True):
            assert_close(one, other)
    elif isinstance(expected, float):
        assert got == pytest.approx(expected, abs=1e-6)
    else:
        assert got == expected


@pytest.mark.parametrize(("task", "case"), list(read()))
def test_a_case_gives_its_rows_and_its_result_or_error(task: Task[Any, Any, Any], case: Case) -> None:
    if case.error is not None:
        with pytest.raises(BertError) as caught:
            answered(task, case)
        assert report_of(caught.value) == case.error
        assert all("expected" in each or "the fields are" in each for each in caught.value.faults)
        return
    features, result = answered(task, case)
    rows = [{name: value.tolist() for name, value in vars(row).items() if value is not None} for row in features]
    assert rows == list(case.features)
    assert_close(result, case.result)
