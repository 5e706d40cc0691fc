"""Options that cannot be served are refused when they are made, all at once."""

from __future__ import annotations

from typing import Any

import pytest

from bert_export.errors import OptionError
from bert_export.options import ExportOptions


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"fp16": True}, "--fp16 is not built yet: this version exports fp32, and does not pretend; leave --fp16 out"),
        ({"targets": ("cuda",)}, "target 'cuda' is not built yet; this version makes auto, cpu, portable"),
        ({"targets": ()}, "no target given; expected one or more of auto, cpu, portable"),
        ({"task": "auto"}, "neither a model nor a task given"),
        ({"adapter": "a"}, "--adapter and --revision belong to a --model"),
        ({"revision": "main"}, "--adapter and --revision belong to a --model"),
        ({"max_length": 7}, "--max-length is 7, expected at least 8 tokens"),
        ({"max_length": -1}, "--max-length is -1, expected at least 8 tokens"),
    ],
)
def test_an_option_that_cannot_be_served_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as error:
        ExportOptions(**({"task": "qa"} | values))
    assert message in str(error.value)


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(OptionError) as error:
        ExportOptions(task="qa", fp16=True, targets=("cuda", "tensorrt"), max_length=1)
    assert [word in str(error.value) for word in ("--fp16", "'cuda'", "'tensorrt'", "--max-length")] == [True] * 4


def test_the_least_max_length_is_accepted() -> None:
    assert ExportOptions(task="qa", max_length=8).max_length == 8


@pytest.mark.parametrize(
    ("targets", "resolved"),
    [
        (("auto",), ("cpu",)),
        (("portable", "cpu"), ("portable", "cpu")),
        (("cpu", "auto", "portable", "cpu"), ("cpu", "portable")),
    ],
)
def test_auto_is_cpu_and_repetitions_count_once(targets: tuple[str, ...], resolved: tuple[str, ...]) -> None:
    assert ExportOptions(task="qa", targets=targets).resolved_targets == resolved
