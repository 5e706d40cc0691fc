"""The runtime answers without the libraries of the exporter, and says what to do where its own engine is missing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden" / "v1" / "question-answering"
HEAVY = ("torch", "transformers", "onnx", "onnxscript", "onnx_ir", "peft", "safetensors", "huggingface_hub", "rich")

BLOCK = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"{name} is blocked", name=name)

sys.meta_path.insert(0, Blocked())
"""
ANSWER = """
import dataclasses, json
import bert_runtime
with bert_runtime.load(sys.argv[1]) as session:
    print(json.dumps(dataclasses.asdict(session(json.loads(sys.argv[2])))))
"""
ENGINE = """
import bert_runtime
try:
    bert_runtime.load(sys.argv[1])
except bert_runtime.BackendError as error:
    print(error)
"""
DISTRIBUTION = "Metadata-Version: 2.1\nName: {name}\nVersion: 1.31.1\n"


def python(program: str, *arguments: str, blocked: tuple[str, ...] = ()) -> str:
    """What a program prints in an interpreter of its own in which some imports fail."""
    program = f"BLOCKED = {blocked!r}\n{BLOCK}{program}"
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_blocked_imports_fail() -> None:
    program = "try:\n    import torch.nn\nexcept ImportError as error:\n    print(error)"

    assert python(program, blocked=HEAVY) == "torch is blocked"


def test_a_question_is_answered_without_any_library_of_the_exporter() -> None:
    case = json.loads(GOLDEN.with_suffix(".json").read_bytes())[1]
    assert len(case["rows"]) > 1  # several windows
    answer = json.loads(python(ANSWER, str(GOLDEN), json.dumps(case["request"]), blocked=(*HEAVY, "bert_export")))

    assert [found["text"] for found in answer["answers"]] == [each["text"] for each in case["answer"]["answers"]]
    scores = [each["score"] for each in case["answer"]["answers"]]
    assert [found["score"] for found in answer["answers"]] == pytest.approx(scores, abs=1e-5)


def test_importing_the_exporter_loads_none_of_its_libraries() -> None:
    program = "import bert_export, bert_export.cli, sys\nprint(sorted(set(sys.argv[1:]) & set(sys.modules)))"

    assert python(program, *HEAVY, "onnxruntime") == "[]"


def test_importing_the_runtime_loads_no_engine() -> None:
    program = "import bert_runtime, sys\nprint(sorted(set(sys.argv[1:]) & set(sys.modules)))"

    assert python(program, *HEAVY, "onnxruntime") == "[]"


def test_without_onnxruntime_the_error_says_what_to_install() -> None:
    message = python(ENGINE, str(GOLDEN), blocked=("onnxruntime",))

    assert message.startswith("onnxruntime cannot be imported (onnxruntime is blocked); ")
    assert "run `pip install 'bert-export[cpu]'`, or 'bert-export[gpu]'" in message


def test_two_packages_that_share_one_directory_are_refused_with_the_way_out(tmp_path: Path) -> None:
    for name in ("onnxruntime", "onnxruntime-gpu"):
        folder = tmp_path / f"{name.replace('-', '_')}-1.31.1.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(DISTRIBUTION.format(name=name), encoding="utf-8")
    message = python(f"sys.path.insert(0, {str(tmp_path)!r})\n{ENGINE}", str(GOLDEN))

    assert message.startswith("onnxruntime and onnxruntime-gpu are both installed in one folder, where they overwrite")
    assert "pip uninstall onnxruntime onnxruntime-gpu" in message


@pytest.mark.parametrize("missing", ["torch", "onnx_ir", "transformers", "onnxscript"])
def test_an_export_without_its_libraries_says_what_to_install(missing: str, tmp_path: Path) -> None:
    program = "import os\nfrom bert_export.cli import main\nos.dup2(1, 2)\nprint(main(sys.argv[1:]))"
    printed = python(program, "--task", "qa", "--output", str(tmp_path / "b"), blocked=(missing,))

    expected = (
        f"bert-export: {missing} is not installed, and an export needs it; run `pip install 'bert-export[cpu,export]'`"
    )
    assert printed.splitlines() == [expected, "2"]


def test_the_package_imports_what_is_asked_for_and_nothing_before() -> None:
    program = "import bert_runtime, sys\nprint('numpy' in sys.modules)"
    assert python(program) == "False"
    program = "import bert_runtime\nprint([name for name in bert_runtime.__all__ if not hasattr(bert_runtime, name)])"
    assert python(program) == "[]"
