"""Nobody is told who uses a bundle: ONNX Runtime starts without its telemetry, in either language."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import onnxruntime
import pytest

ROOT = Path(__file__).parents[1]
BUNDLE = ROOT / "tests" / "golden" / "v1" / "text-classification"
BERT_RUN = Path(os.environ.get("BERT_RUNTIME_BUILD", ROOT / "build" / "cpp")) / "bert_run"
LIBRARY = next((Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.so.*"))
SWITCH = "ORT_DISABLE_TELEMETRY"


def kept(command: Sequence[str], home: Path, **environment: str) -> list[Path]:
    """What a command leaves in an empty home directory: ONNX Runtime's number for the device lies there."""
    inherited = {name: value for name, value in os.environ.items() if name not in (SWITCH, "XDG_CACHE_HOME")}
    variables = {**inherited, "HOME": str(home), "BERT_RUNTIME_ONNXRUNTIME": str(LIBRARY), **environment}
    subprocess.run(command, env=variables, check=True, stdout=subprocess.PIPE)
    return list(home.rglob("*"))


def test_python_starts_no_telemetry(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("bert-run")), str(BUNDLE), "--text", "the film"]
    assert kept(command, tmp_path) == []


@pytest.mark.skipif(not BERT_RUN.is_file(), reason="bert_run is not built; run `make cpp`")
def test_cpp_starts_no_telemetry(tmp_path: Path) -> None:
    assert kept([str(BERT_RUN), str(BUNDLE), "--text", "the film"], tmp_path) == []


def test_who_sets_the_variable_is_not_overruled(tmp_path: Path) -> None:
    program = "import os; from bert_runtime.backends.onnxruntime import import_onnxruntime as start; start()"
    command = [sys.executable, "-c", f"{program}; assert os.environ[{SWITCH!r}] == 'mine'"]
    kept(command, tmp_path, **{SWITCH: "mine"})
