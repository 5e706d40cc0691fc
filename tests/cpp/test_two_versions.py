"""One build of the C++ runtime opens several versions of ONNX Runtime, and each gives the golden answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cpp.test_bert_run import BUNDLES, GOLDEN, assert_close

pytestmark = pytest.mark.slow

VERSIONS = ["1.23.2", "1.28.0", "1.31.1"]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The library in the wheel of a version, got from the package index."""

    def get(version: str) -> Path:
        folder = tmp_path_factory.mktemp(f"onnxruntime-{version}")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        subprocess.run([*command, "--dest", str(folder), f"onnxruntime=={version}"], check=True)
        (wheel,) = folder.glob("*.whl")
        name = f"onnxruntime/capi/libonnxruntime.so.{version}"
        with zipfile.ZipFile(wheel) as archive:
            return Path(archive.extract(name, folder))

    return get


@pytest.mark.parametrize("version", VERSIONS)
def test_every_golden_bundle_answers_on_this_onnxruntime(
    version: str, library: Callable[[str], Path], program: Callable[[str], Path], tmp_path: Path
) -> None:
    environment = {**os.environ, "BERT_RUNTIME_ONNXRUNTIME": str(library(version))}
    for head in BUNDLES:
        cases = json.loads((GOLDEN / f"{head}.json").read_bytes())
        lines = "".join(json.dumps(case["request"]) + "\n" for case in cases)
        command = [str(program("bert_run")), str(GOLDEN / head), "--input", "-"]
        done = subprocess.run(command, input=lines.encode(), capture_output=True, check=True, env=environment)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(answers) == len(cases)
        assert (b"has known faults" in done.stderr) == (version == "1.23.2")
        for answer, case in zip(answers, cases, strict=True):
            assert_close(answer, case["answer"])
