"""A target's name stands in its own file; everything else asks the value."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from bert_runtime.targets import BY_NAME

ROOT = Path(__file__).parents[1]
PACKAGES = ("runtime/bert_runtime", "calibration/bert_calibration", "exporter/bert_export", "serving/bert_serve")
OTHER_MEANINGS = {
    ("runtime/bert_runtime/cpus.py", "cpu"): "the cgroup controller",
    ("runtime/bert_runtime/backends/onnxruntime.py", "cpu"): "ONNX Runtime's device of an array",
    ("runtime/bert_runtime/machine/packages.py", "openvino"): "the package",
    ("runtime/bert_runtime/machine/packages.py", "tensorrt"): "the package",
    ("runtime/bert_runtime/machine/requirements.py", "tensorrt"): "the package",
    ("runtime/bert_runtime/cli/report.py", "cpu"): "the processor's line in a report",
    ("exporter/bert_export/checkpoint/dense.py", "cpu"): "torch's device",
    ("exporter/bert_export/checkpoint/merging.py", "cpu"): "torch's device",
    ("calibration/bert_calibration/finetune/distil.py", "cpu"): "torch's device",
    ("exporter/bert_export/tensorrt/plan.py", "tensorrt"): "the Python module",
    ("exporter/bert_export/tuning/report.py", "cpu"): "the processor's line in a report",
    ("exporter/bert_export/tuning/report.py", "openvino"): "the package",
    ("serving/bert_serve/triton/tensor_model.py", "cpu"): "Triton's accelerators for processors",
    ("serving/bert_serve/triton/tensor_model.py", "openvino"): "an accelerator of Triton's",
    ("serving/bert_serve/triton/tensor_model.py", "tensorrt"): "an accelerator of Triton's",
}
"""(file, word) -> what else the word means there."""


def literals(path: Path) -> Iterator[tuple[int, str]]:
    """Line and content of each string that is a target's name."""
    with tokenize.open(path) as file:
        for token in tokenize.generate_tokens(io.StringIO(file.read()).readline):
            is_whole = token.type == tokenize.STRING and "f" not in token.string.lower().partition('"')[0]
            if is_whole and (word := ast.literal_eval(token.string)) in BY_NAME:
                yield token.start[0], word


def sources() -> list[Path]:
    found = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return sorted(path for path in found if path.parent.name != "targets" or path.parents[1].name != "bert_runtime")


def test_no_target_is_named_outside_its_own_file() -> None:
    found = [(path.relative_to(ROOT).as_posix(), line, word) for path in sources() for line, word in literals(path)]
    assert [each for each in found if (each[0], each[2]) not in OTHER_MEANINGS] == []


def test_no_target_is_named_in_cpp_outside_the_generated_table() -> None:
    names = re.compile(rf'"({"|".join(BY_NAME)})"')
    files = [path for folder in ("src", "cli", "include") for path in (ROOT / "runtime/cpp" / folder).rglob("*.*")]
    read = [path for path in files if path.suffix in (".cpp", ".h")]
    assert len(read) > 100
    assert [path.name for path in read if names.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(("file", "word"), OTHER_MEANINGS)
def test_every_other_meaning_is_still_in_use(file: str, word: str) -> None:
    assert word in {found for _, found in literals(ROOT / file)}


@pytest.mark.parametrize("name", BY_NAME)
def test_a_target_has_a_file_of_its_name(name: str) -> None:
    assert (ROOT / "runtime/bert_runtime/targets" / f"{name}.py").is_file()
