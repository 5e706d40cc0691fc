"""The real onnxruntime-gpu on a machine without a GPU: an error of ours instead of a silent session on the CPU. Slow.

The package shares its import directory with onnxruntime, so that it lives in a virtual environment of its own,
`.venv-gpu` in the repository's root, which is made on the first run (`make test-gpu-wheel`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.backends.conftest import Retarget

from bert_runtime.machine.driver import read_driver
from bert_runtime.machine.fatbin import gpu_code

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / ".venv-gpu"
TASK = "text-classification"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        read_driver() is not None, reason="an NVIDIA driver is here: these are claims of a machine without"
    ),
]

LOAD = """
import sys, warnings, bert_runtime
bundle, target = sys.argv[1:]
try:
    with bert_runtime.load(bundle, options=bert_runtime.Options(target, threads=1)) as session:
        print("runs on", session.active_target, session.engine.name)
        print(session({"text": "a good film"}).labels[0].label)
except bert_runtime.BackendError as error:
    print("refused:", error)
"""
ENGINE = """
import sys
from pathlib import Path
from bert_runtime.backends.options import EngineOptions, GpuOptions
from bert_runtime.backends.profile import Profile
from bert_runtime.backends.select import ENGINES
from bert_runtime.bundle import read
from bert_runtime.errors import BackendError
bundle, target = sys.argv[1:]
(artefact,) = read(Path(bundle)).manifest.artefacts
profile = Profile({"batch": (1, 1, 2), "sequence": (1, 8, 32)})
try:
    ENGINES[target](Path(bundle), artefact, EngineOptions(1, None, GpuOptions(profile=profile)))
    print("a session was made")
except BackendError as error:
    print("refused:", error)
"""
IMPORT = """
from bert_runtime.backends.onnxruntime import import_onnxruntime
print(import_onnxruntime().get_available_providers())
"""
BARE = """
import sys, onnxruntime
options = onnxruntime.SessionOptions()
options.log_severity_level = 4
providers = ["CUDAExecutionProvider", "CPUExecutionProvider"]
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=providers)
print(onnxruntime.get_available_providers(), session.get_providers())
"""


@pytest.fixture(scope="module")
def gpu_python() -> Path:
    """The interpreter of the environment with onnxruntime-gpu and this package."""
    interpreter, done = FOLDER / "bin" / "python", FOLDER / ".installed"
    if not done.is_file():
        venv.create(FOLDER, with_pip=True, clear=True)
        command = [str(interpreter), "-m", "pip", "install", "--quiet", "--constraint", str(ROOT / "constraints.txt")]
        subprocess.run([*command, "--editable", f"{ROOT}[gpu]"], check=True)
        done.touch()
    return interpreter


def said(python: Path, program: str, *arguments: object) -> str:
    command = [str(part) for part in (python, "-c", program, *arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def doctor(python: Path, *arguments: object) -> tuple[int, Any]:
    command = [str(part) for part in (python, "-m", "bert_runtime.cli.doctor", "--json", *arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout)


def test_onnxruntime_alone_would_run_on_the_cpu_without_a_word(gpu_python: Path, retarget: Retarget) -> None:
    """Why all this is needed; if it fails, onnxruntime has become honest."""
    printed = said(gpu_python, BARE, retarget(TASK, "cuda:fp16") / "model.onnx")
    assert "'CUDAExecutionProvider'" in printed.partition("] [")[0]
    assert printed.rstrip().endswith("['CPUExecutionProvider']")


@pytest.mark.parametrize("target", ["cuda", "tensorrt"])
def test_a_named_gpu_target_is_refused_with_the_reason_and_the_fix(
    target: str, gpu_python: Path, retarget: Retarget
) -> None:
    printed = said(gpu_python, LOAD, retarget(TASK, "cpu:fp32", f"{target}:fp16"), target)
    assert printed.startswith(f"refused: target '{target}': ")
    assert "no NVIDIA GPU and no driver (libcuda.so.1) is here" in printed
    assert "runs on" not in printed


@pytest.mark.parametrize("target", ["cuda", "tensorrt"])
def test_without_the_look_at_the_machine_the_engine_refuses_by_itself(
    target: str, gpu_python: Path, retarget: Retarget
) -> None:
    printed = said(gpu_python, ENGINE, retarget(TASK, f"{target}:fp16"), target)
    assert printed.startswith("refused: ")
    assert "ExecutionProvider" in printed
    assert len(printed.splitlines()) == 1  # nothing of onnxruntime's own is printed, and no second session is tried


@pytest.mark.parametrize("target", ["cpu", "auto"])
def test_the_cpu_works(target: str, gpu_python: Path, retarget: Retarget) -> None:
    first, label = said(gpu_python, LOAD, retarget(TASK, "cuda:fp16", "cpu:fp32"), target).splitlines()
    assert first.startswith("runs on cpu onnxruntime ")
    assert first.endswith(" CPUExecutionProvider")
    assert label in ("bad", "good", "neither")


def test_two_packages_in_two_folders_are_no_conflict(gpu_python: Path) -> None:
    """A base image with onnxruntime, and onnxruntime-gpu in a folder that Python's path has first."""
    (site,) = FOLDER.glob("lib/python3*/site-packages")
    command = [sys.executable, "-c", IMPORT]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), *sys.path])}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert "CUDAExecutionProvider" in done.stdout, done.stderr


def test_the_gpus_that_the_provider_has_code_for_are_read_from_it(gpu_python: Path) -> None:
    """The newest release's: Ampere, Ada, Hopper and Blackwell's GeForce; no PTX, and nothing for Blackwell's B200."""
    (library,) = FOLDER.glob("lib/python3*/site-packages/onnxruntime/capi/libonnxruntime_providers_cuda.so")
    code = gpu_code(library)
    assert code is not None
    assert [code.runs_on(gpu) for gpu in ((8, 0), (8, 6), (8, 9), (9, 0), (12, 0))] == [True] * 5
    assert [code.runs_on(gpu) for gpu in ((7, 0), (10, 0))] == [False, False]


def test_the_doctor_names_what_is_missing_and_leaves_with_1(gpu_python: Path, retarget: Retarget) -> None:
    code, record = doctor(gpu_python, retarget(TASK, "cuda:fp16", "cpu:fp32"))
    assert code == 1
    assert (
        "onnxruntime-gpu is installed, but neither a GPU nor the driver's libcuda.so.1" in record["findings"][0]["what"]
    )
    lacking = {each["target"]: " ".join(found["what"] for found in each["missing"]) for each in record["targets"]}
    assert lacking["cuda"] == lacking["tensorrt"] == "no NVIDIA GPU and no driver (libcuda.so.1) is here"
    assert lacking["cpu"] == ""
    assert (record["auto"]["target"], record["auto"]["artefact"]) == ("cpu", "cpu fp32")
