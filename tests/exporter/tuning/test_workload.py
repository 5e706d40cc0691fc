"""What is asked while the clock runs is what the user's texts are like."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.exporter.conftest import TinyBundle

from bert_calibration.samples import read_samples
from bert_export.errors import OptionError
from bert_export.tuning.workload import Requests, requests_of
from bert_runtime import bundle as bundles
from bert_runtime.errors import InputError
from bert_runtime.tasks import find_task
from bert_runtime.tasks.task import Head, HeadSettings, Task
from bert_runtime.tasks.text_classification import TextClassificationRequest
from bert_runtime.text import TextEncoder

AnyTask = Task[Any, Any, Any]
AnyHead = Head[Any, Any, Any]


def numbered(lengths: list[int]) -> Requests:
    items = tuple(TextClassificationRequest(text=str(length)) for length in lengths)
    return Requests(items, tuple(lengths), "a test")


def texts(requests: Any) -> list[str]:
    return [request.text for request in requests]


@pytest.fixture
def task_and_head(tiny_bundle: TinyBundle) -> tuple[AnyTask, AnyHead]:
    bundle = bundles.read(tiny_bundle("text-classification", False).bundle)
    task, record = find_task(bundle.manifest.task), bundle.manifest.tokenizer
    return task, task.head(TextEncoder.from_file(bundle.directory / record.file, record), bundle.manifest.settings)


def test_a_few_requests_have_the_lengths_that_all_have() -> None:
    short_and_long = numbered([1] * 60 + [100] * 40)
    assert texts(short_and_long.evenly(5)) == ["1", "1", "1", "100", "100"]
    assert texts(numbered([1, 2, 3]).evenly(1)) == ["2"]
    assert texts(numbered([1, 2, 3]).evenly(9)) == ["1", "2", "3"]


def test_many_requests_are_mixed_the_same_way_each_time_and_all_are_asked() -> None:
    requests = numbered([1, 2, 3])
    assert sorted(texts(requests.many(6))) == ["1", "1", "2", "2", "3", "3"]
    assert texts(requests.many(6)) == texts(requests.many(6))
    assert len(requests.many(2)) == 2


def test_samples_are_asked_by_their_tokens(tmp_path: Path, task_and_head: tuple[AnyTask, AnyHead]) -> None:
    task, head = task_and_head
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in ("the the the", "the", "the the")))
    requests = requests_of(read_samples(path, task, head.settings, head.text), task, head)
    assert texts(requests.items) == ["the", "the the", "the the the"]
    assert requests.tokens == (3, 4, 5), "with [CLS] and [SEP]"
    report = requests.to_json()
    assert (report["from"], report["number"]) == ("texts.jsonl", 3)
    assert report["tokens"] == {"least": 3, "lower quartile": 4, "median": 4, "upper quartile": 4, "most": 5}


def test_without_samples_the_examples_are_asked_and_it_is_said(task_and_head: tuple[AnyTask, AnyHead]) -> None:
    requests = requests_of(None, *task_and_head)
    assert requests.source == "the examples of text-classification"
    assert list(requests.tokens) == sorted(requests.tokens)


def test_a_sample_that_cannot_be_asked_is_told_with_its_line(
    tmp_path: Path, task_and_head: tuple[AnyTask, AnyHead], tiny_bundle: TinyBundle
) -> None:
    task = find_task("fill-mask")
    path = tmp_path / "masked.jsonl"
    path.write_text('{"text": "the [MASK]"}\n{"text": "no mask"}\n')
    samples = read_samples(path, task, HeadSettings(), task_and_head[1].text)
    with pytest.raises(InputError, match="line 2"):
        requests_of(samples, task, task.head(task_and_head[1].text, HeadSettings()))


def test_a_model_that_no_example_fits_asks_for_texts(task_and_head: tuple[AnyTask, AnyHead]) -> None:
    task = find_task("question-answering")
    short = TextEncoder(task_and_head[1].text._tokenizer, replace(task_and_head[1].text.record, max_length=3))
    with pytest.raises(OptionError, match="give texts with --calibrate FILE"):
        requests_of(None, task, task.head(short, HeadSettings()))
