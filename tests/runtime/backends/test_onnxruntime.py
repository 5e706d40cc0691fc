"""ONNX Runtime on the CPU is started as bulk work needs it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import onnxruntime
import pytest

from bert_runtime.backends.onnxruntime import OnnxRuntimeEngine, import_onnxruntime
from bert_runtime.machine.requirements import SAFE_ONNXRUNTIME

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden" / "v1" / "text-classification"


def test_no_memory_is_kept_for_each_shape_that_was_met() -> None:
    options = OnnxRuntimeEngine(GOLDEN / "model.onnx", threads=1).opened().get_session_options()
    assert options.enable_mem_pattern is False
    assert options.intra_op_num_threads == 1


def test_an_onnxruntime_with_known_faults_is_loud_and_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "__version__", "1.23.2")
    with pytest.warns(UserWarning, match=r"1\.23\.2 has known faults .* expected 1\.28 or later"):
        assert import_onnxruntime() is onnxruntime


def test_packages_ask_for_an_onnxruntime_without_known_faults() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    safe = ".".join(map(str, SAFE_ONNXRUNTIME))

    assert (extras["cpu"], extras["gpu"]) == ([f"onnxruntime>={safe}"], [f"onnxruntime-gpu>={safe}"])
