"""A build that links ONNX Runtime takes the library of a wheel, or says what it lacks; `make cpp-link` runs one."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEADERS = ROOT / "build" / "onnxruntime"

pytestmark = pytest.mark.skipif(
    shutil.which("cmake") is None or not HEADERS.is_dir(), reason="no cmake, or no headers; run `make cpp`"
)


def configure(build: Path, root: Path, python: str, *more: str) -> subprocess.CompletedProcess[str]:
    options = (f"-DONNXRUNTIME_ROOT={root}", f"-DPython3_EXECUTABLE={python}", "-DBERT_RUNTIME_LINK_ONNXRUNTIME=ON")
    command = ["cmake", "-S", str(ROOT / "runtime" / "cpp"), "-B", str(build), *options, *more]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def python_without_packages(folder: Path) -> str:
    """This Python, blind to what is installed."""
    program = folder / "python"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n', encoding="ascii")
    program.chmod(0o755)
    return str(program)


def test_the_wheels_library_is_linked_by_the_name_that_it_asks_for_at_run_time(tmp_path: Path) -> None:
    done = configure(tmp_path / "build", HEADERS, sys.executable)
    assert done.returncode == 0, done.stderr
    link = tmp_path / "build" / "onnxruntime" / "libonnxruntime.so.1"
    assert link.is_symlink()
    assert link.resolve().name.startswith("libonnxruntime.so.1.")


def test_no_library_to_link_is_told_with_where_it_was_looked_for_and_what_to_do(tmp_path: Path) -> None:
    python = python_without_packages(tmp_path)
    done = configure(tmp_path / "build", HEADERS, python)
    told = " ".join(done.stderr.split())
    assert done.returncode != 0
    assert "Could NOT find ONNXRuntime (missing: ONNXRuntime_LIBRARY)" in told
    assert f"neither in ONNXRUNTIME_ROOT ({HEADERS}) nor in the system, and the Python '{python}' has no" in told
    assert "set ONNXRUNTIME_ROOT to a directory with lib/libonnxruntime.so, or Python3_EXECUTABLE to a Python" in told


def test_no_headers_are_told_with_what_to_do(tmp_path: Path) -> None:
    system = ";".join(f"{prefix}/include/onnxruntime" for prefix in ("/usr", "/usr/local"))
    done = configure(tmp_path / "build", tmp_path, sys.executable, f"-DCMAKE_IGNORE_PATH={system}")
    told = " ".join(done.stderr.split())
    assert done.returncode != 0
    assert "set ONNXRUNTIME_ROOT to a directory with include/, or run make onnxruntime-headers" in told
