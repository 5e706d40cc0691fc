"""What `bert_runtime` exports at its top, and the JSON form of every task's result."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

import bert_runtime
from bert_runtime.cli.run import run
from bert_runtime.tasks import TASKS

GOLDEN = Path(__file__).parents[1] / "golden" / "v1"


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_every_task_and_its_request_are_exported(task: Any) -> None:
    name = task.name.replace("-", "_").upper()
    assert getattr(bert_runtime, name) is task
    assert getattr(bert_runtime, task.request.__name__) is task.request
    assert {name, task.request.__name__} <= set(bert_runtime.__all__)


def test_the_version_is_that_of_the_c_library() -> None:
    cmake = (GOLDEN.parents[2] / "runtime" / "cpp" / "CMakeLists.txt").read_text(encoding="utf-8")
    (stated,) = re.findall(r"project\(bert_runtime VERSION (\S+)", cmake)
    assert bert_runtime.__version__ == stated


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_a_result_as_a_dict_is_what_the_command_prints(task: Any) -> None:
    bundle = GOLDEN / task.name
    case = json.loads(bundle.with_suffix(".json").read_bytes())[0]
    printed = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    flags = [str(bundle), "--json"]
    for name, value in case["request"].items():
        parts = value if isinstance(value, list) else [value]
        flags += [f"--{name.replace('_', '-')}", *map(str, parts)]
    assert run(flags, printed) == 0
    printed.flush()
    with bert_runtime.load(bundle) as session:
        result = session(case["request"])
    assert isinstance(result, bert_runtime.Result)
    assert json.loads(printed.buffer.getvalue()) == result.to_dict()
    assert json.loads(json.dumps(result.to_dict())) == result.to_dict()


def test_the_parts_of_a_result_are_dicts_too(question_answering: Path) -> None:
    with bert_runtime.load(question_answering, bert_runtime.QUESTION_ANSWERING) as session:
        result = session({"question": "who?", "context": "the film"})
    assert result.to_dict()["answers"] == [answer.to_dict() for answer in result.answers]
