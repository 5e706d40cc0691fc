"""`bert-doctor` tells what is wrong, in text and JSON, and its exit status says whether anything is."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.backends.conftest import GOLDEN, Retarget, retarget
from tests.runtime.machine.conftest import CUDA_NEEDS, GPU_SERVER, H100, LAPTOP, TENSORRT_NEEDS, Tree, tree, without

from bert_runtime.cli.doctor import main
from bert_runtime.cli.report import examine, show_report
from bert_runtime.machine.driver import Driver
from bert_runtime.machine.system import System, this_system

__all__ = ["retarget", "tree"]  # fixtures of other folders

BROKEN = replace(LAPTOP, packages={"onnxruntime": "1.31.1", "onnxruntime-gpu": "1.31.1"})


def told(capsys: pytest.CaptureFixture[str], system: System, *arguments: str) -> tuple[int, str]:
    code = main(list(arguments), system)
    out = capsys.readouterr().out
    if "--json" not in arguments:
        assert all(len(line) <= 80 for line in out.splitlines())
    return code, out


def sentence(out: str) -> str:
    """The text without its breaks."""
    return " ".join(out.split())


def test_nothing_wrong_is_0(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = told(capsys, LAPTOP)
    assert code == 0
    assert "nothing is wrong" in out
    assert "auto takes openvino" in out


def test_a_fault_is_1_with_its_fix_on_the_next_line(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = told(capsys, BROKEN)
    assert code == 1
    assert "1 thing is wrong" in out
    assert "expected one of them fix: run `pip uninstall" in sentence(out)
    assert [line for line in out.splitlines() if line.startswith("  fault: onnxruntime and")]


def test_json_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = told(capsys, without(GPU_SERVER, "libcudnn.so.9"), "--json")
    record: dict[str, Any] = json.loads(out)
    assert (code, record["faults"], record["auto"]["target"]) == (1, 1, "cuda")
    assert {each["target"]: each["runs"] for each in record["targets"]} == {
        "tensorrt": False, "cuda": True, "openvino": True, "cpu": True, "portable": True
    }  # fmt: skip
    assert record["findings"][0]["level"] == "fault"
    assert "libcudnn.so.9" in record["findings"][0]["what"]
    assert record["machine"]["gpu 0"].startswith("NVIDIA H100, compute capability 9.0")


def test_of_a_bundle_it_says_what_auto_takes(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = told(capsys, LAPTOP, str(GOLDEN / "text-classification"))
    assert code == 0
    assert "auto takes portable (the bundle's portable fp32)" in sentence(out)


def test_a_machine_is_examined_from_its_files_to_the_last_line(capsys: pytest.CaptureFixture[str], tree: Tree) -> None:
    """A GPU with its driver, its toolkit and the newest TensorRT, which this provider cannot load."""
    tree.install("onnxruntime-gpu", "1.31.1")
    tree.install("tensorrt", "11.4.0")
    tree.provider("cuda", CUDA_NEEDS)
    tree.provider("tensorrt", TENSORRT_NEEDS)
    for name in {*CUDA_NEEDS, *TENSORRT_NEEDS} - {"libnvinfer.so.10", "libnvonnxparser.so.10"}:
        tree.write(f"usr/lib64/{name}")
    tree.write("site/tensorrt_libs/libnvinfer.so.11")
    system = this_system(tree.probe(driver=lambda: Driver((13, 0), (H100,))))
    code, out = told(capsys, system)
    assert code == 1
    assert "1 thing is wrong" in out
    assert (
        "fault: tensorrt 11.4.0 cannot be loaded by ONNX Runtime's provider, which is linked to libnvinfer.so.10"
        in sentence(out)
    )
    assert "fix: run `pip uninstall tensorrt`, then `pip install 'tensorrt-cu13>=10,<11'`" in sentence(out)
    assert "auto takes cuda: " in out


def test_a_bundle_that_runs_here_only_by_the_way_is_a_fault(
    capsys: pytest.CaptureFixture[str], retarget: Retarget
) -> None:
    code, out = told(capsys, LAPTOP, str(retarget("text-classification", "cuda:fp16")))
    assert code == 1
    assert "auto takes cpu (the bundle's cuda fp16)" in sentence(out)
    assert "fault: the bundle holds only cuda; its cuda file runs on ONNX Runtime's CPU provider here" in sentence(out)
    assert "fix: export the bundle with --target cpu as well" in sentence(out)


def test_what_is_no_bundle_is_2(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main([str(tmp_path)], LAPTOP) == 2
    assert "bert-doctor: " in capsys.readouterr().err


def test_an_unknown_flag_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--fix-it"], LAPTOP) == 2
    assert "unknown: --fix-it; the flags are --help" in capsys.readouterr().err


def test_with_rich_a_terminal_gets_the_same_lines_in_colours() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal, plain = Terminal(), io.StringIO()
    report = examine(BROKEN, None)
    show_report(report, terminal)
    show_report(report, plain)
    words = [line.strip() for line in plain.getvalue().splitlines()]
    assert all(word in terminal.getvalue() for word in words)


def test_the_command_examines_this_machine() -> None:
    command = [sys.executable, "-m", "bert_runtime.cli.doctor", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    record = json.loads(done.stdout)
    assert done.returncode == (1 if record["faults"] else 0)
    assert record["packages"]["numpy"]
    assert [each["runs"] for each in record["targets"] if each["target"] == "cpu"] == [True]
    assert done.stderr == ""
