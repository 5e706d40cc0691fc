"""The driver is asked through its C interface: here through real shared libraries that stand in for libcuda."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from bert_runtime.machine.driver import Driver, Gpu, read_driver

SOURCE = r"""
#include <stddef.h>
#include <string.h>
int cuDriverGetVersion(int *v) { *v = 13020; return 0; }
int cuInit(unsigned flags) { return INIT; }
int cuDeviceGetCount(int *n) { *n = COUNT; return 0; }
int cuDeviceGet(int *d, int i) { *d = 40 + i; return 0; }
int cuDeviceGetName(char *name, int length, int d) { strncpy(name, d == 40 ? "GPU A" : "GPU B", length); return 0; }
int cuDeviceTotalMem_v2(size_t *bytes, int d) { *bytes = ((size_t)80) << 30; return 0; }
int cuDeviceGetAttribute(int *v, int which, int d) { *v = which == 75 ? 9 : which == 76 ? d - 40 : -1; return 0; }
int cuGetErrorName(int code, const char **text) { *text = code == 100 ? "CUDA_ERROR_NO_DEVICE" : 0; return 0; }
"""


def build(folder: Path, init: int = 0, count: int = 2, source: str = SOURCE) -> str:
    """A library with the driver's functions, or some of them."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler is here")
    (folder / "cuda.c").write_text(source, encoding="utf-8")
    library = folder / "libcuda-stand-in.so"
    flags = ["-shared", "-fPIC", f"-DINIT={init}", f"-DCOUNT={count}", "-o", str(library)]
    subprocess.run([compiler, *flags, str(folder / "cuda.c")], check=True)
    return str(library)


def test_the_gpus_are_listed_with_what_decides_about_them(tmp_path: Path) -> None:
    gpus = (Gpu("GPU A", (9, 0), 80 << 30), Gpu("GPU B", (9, 1), 80 << 30))
    assert read_driver(build(tmp_path)) == Driver((13, 2), gpus)


def test_a_driver_that_refuses_says_why(tmp_path: Path) -> None:
    assert read_driver(build(tmp_path, init=100)) == Driver((13, 2), (), "cuInit gives CUDA_ERROR_NO_DEVICE (100)")


def test_an_error_without_a_name_keeps_its_number(tmp_path: Path) -> None:
    found = read_driver(build(tmp_path, init=7))
    assert found is not None
    assert found.problem == "cuInit gives an unknown error (7)"


def test_a_driver_without_a_gpu_says_so(tmp_path: Path) -> None:
    assert read_driver(build(tmp_path, count=0)) == Driver((13, 2), (), "the driver lists no GPU")


def test_a_library_that_is_no_driver_is_told_of(tmp_path: Path) -> None:
    found = read_driver(build(tmp_path, source="int nothing(void) { return 0; }"))
    assert found is not None
    assert "is no CUDA driver" in found.problem


def test_without_the_library_there_is_no_driver(tmp_path: Path) -> None:
    assert read_driver(str(tmp_path / "none.so")) is None
