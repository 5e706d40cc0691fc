"""What contradicts a trial of all is refused when the options are made, all at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bert_export.errors import OptionError
from bert_export.options import ExportOptions


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"targets": ("openvino",)}, "--optimize-for-this-machine with --target, expected it without"),
        ({"fp16": True}, "with --fp16, expected it without"),
        ({"bf16": True}, "with --bf16, expected it without"),
        ({"int8": True}, "with --int8, expected it without"),
        ({"preset": "performance", "calibrate": Path("d")}, "with --preset, expected it without"),
        ({"method": "entropy", "calibrate": Path("d")}, "with --method, expected it without"),
        ({"ranges": Path("r")}, "with --ranges, expected it without: it calibrates for several targets"),
        ({"profile": "batch=1:2:3"}, "with --profile, expected it without"),
        ({"build_engine": Path("e")}, "with --build-engine, expected it without"),
        ({"optimize": "speed"}, "--optimize-for-this-machine is 'speed', expected latency or throughput"),
        ({"limit": 5}, "--limit belongs to --calibrate"),
        ({"max_drop": 2.0}, "--max-drop is 2, expected 0 to 1"),
        ({"bundle": Path("b")}, "--bundle with --task, expected --bundle alone"),
    ],
)
def test_a_wrong_combination_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as error:
        ExportOptions(**({"task": "qa", "optimize": "latency"} | values))
    assert message in str(error.value)


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(OptionError) as error:
        ExportOptions(
            task="qa", optimize="latency", targets=("cuda",), fp16=True, build_engine=Path("e"), max_drop=-1.0, limit=3
        )
    told = str(error.value)
    assert "with --target, --fp16, expected" in told
    for flag in ("--build-engine", "--max-drop", "--limit"):
        assert flag in told


@pytest.mark.parametrize(
    "values",
    [
        {"task": "qa"},
        {"task": "qa", "calibrate": Path("d"), "limit": 9, "max_drop": 0.02},
        {"model": "m", "plain": True, "max_length": 64},
        {"bundle": Path("b"), "calibrate": Path("d")},
    ],
)
def test_what_it_can_use_is_taken(values: dict[str, Any]) -> None:
    assert ExportOptions(optimize="throughput", **values).optimize == "throughput"
