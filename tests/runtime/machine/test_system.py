"""A machine is read from its files: packages, what their libraries are linked to, where these are, CPU and limits."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import pytest
from tests.runtime.machine.conftest import CUDA_NEEDS, TENSORRT_NEEDS, Tree, elf, fatbin

from bert_runtime.machine.elf import needed
from bert_runtime.machine.fatbin import GpuCode, gpu_code
from bert_runtime.machine.requirements import CONFLICT, missing_requirements
from bert_runtime.machine.system import this_system

CPUINFO = """\
processor\t: 0
model name\t: Some Xeon
flags\t\t: fpu sse2 avx2 avx512f avx512_vnni avx512_bf16 amx_tile amx_int8 amx_bf16

processor\t: 1
model name\t: Another
flags\t\t: fpu
"""


def test_an_empty_machine_has_nothing(tree: Tree) -> None:
    system = this_system(tree.probe(modules=()))
    assert (system.packages, system.modules, system.needs, system.libraries) == ({}, frozenset(), {}, {})
    assert (system.driver, system.nvidia_hardware, system.cpu.features) == (None, False, ())


def test_packages_and_what_their_providers_are_linked_to(tree: Tree) -> None:
    tree.install("onnxruntime-gpu", "1.31.1")
    tree.install("tensorrt", "11.0.0")
    tree.provider("cuda", CUDA_NEEDS)
    tree.provider("tensorrt", TENSORRT_NEEDS)
    system = this_system(tree.probe())
    assert system.packages == {"onnxruntime-gpu": "1.31.1", "tensorrt": "11.0.0"}
    assert system.needs == {"cuda": CUDA_NEEDS, "tensorrt": TENSORRT_NEEDS}
    assert system.missing("cuda") == CUDA_NEEDS


def test_packages_in_two_folders_are_that_of_the_first(tree: Tree) -> None:
    """A base image with onnxruntime, and `pip --target` with onnxruntime-gpu: `import` takes the first folder."""
    tree.install("onnxruntime", "1.31.1", "base")
    tree.install("onnxruntime-gpu", "1.31.1")
    tree.provider("cuda", CUDA_NEEDS)
    tree.write("base/onnxruntime/__init__.py")
    ours, theirs = this_system(tree.probe(path=("site", "base"))), this_system(tree.probe(path=("base", "site")))
    assert (list(ours.packages), list(ours.needs)) == (["onnxruntime-gpu"], ["cuda"])
    assert (list(theirs.packages), list(theirs.needs)) == (["onnxruntime"], [])
    assert CONFLICT not in missing_requirements(ours, "cpu")


def test_packages_in_one_folder_are_in_conflict(tree: Tree) -> None:
    tree.install("onnxruntime", "1.31.1")
    tree.install("onnxruntime-gpu", "1.31.1")
    assert missing_requirements(this_system(tree.probe()), "cpu") == (CONFLICT,)


def test_the_gpus_that_a_provider_has_code_for_are_read_from_its_file(tree: Tree) -> None:
    library = tree.write("x.so", fatbin((2, 75), (2, 90), (1, 90), (2, 120), (2, 90)))
    assert gpu_code(library) == GpuCode(frozenset({(7, 5), (9, 0), (12, 0)}), frozenset({(9, 0)}))


@pytest.mark.parametrize("length", [0, 5, 64, 90, 120, 300])
def test_code_that_is_cut_off_is_none(tree: Tree, length: int) -> None:
    whole = fatbin((2, 75), (2, 90))
    assert gpu_code(tree.write("x.so", whole[:length])) is None
    assert gpu_code(tree.write("x.so", whole)) is not None


def test_a_library_without_kernels_has_no_code() -> None:
    import _ctypes

    assert gpu_code(Path(_ctypes.__file__)) is None


def test_a_library_is_found_wherever_it_may_lie(tree: Tree) -> None:
    tree.provider("cuda", CUDA_NEEDS)
    tree.write("site/nvidia/cu13/lib/libcublas.so.13")
    tree.write("usr/lib64/libcublasLt.so.13")
    tree.write("opt/cuda/libcudart.so.13")
    tree.write(
        "etc/ld.so.cache", b"glibc-ld.so.cache1.1\0\0libcudart.so.13\0/opt/cuda/libcudart.so.13\0/gone/libx.so\0"
    )
    own = tree.write("own/libcurand.so.10").parent
    system = this_system(tree.probe({"LD_LIBRARY_PATH": f"/nowhere::{own}"}))
    assert system.missing("cuda") == ("libcuda.so.1",)
    assert "libcudnn.so.9" not in system.libraries
    assert system.libraries["libcurand.so.10"] == own / "libcurand.so.10"
    assert system.libraries["libcudart.so.13"] == tree.root / "opt/cuda/libcudart.so.13"


def test_a_library_of_another_version_is_not_the_one_that_is_needed(tree: Tree) -> None:
    tree.provider("tensorrt", ("libnvinfer.so.10",))
    tree.write("site/tensorrt_libs/libnvinfer.so.11")
    assert this_system(tree.probe()).missing("tensorrt") == ("libnvinfer.so.10",)


def test_a_library_that_the_cache_knows_but_is_gone_is_missing(tree: Tree) -> None:
    tree.provider("cuda", ("libcudart.so.13",))
    tree.write("etc/ld.so.cache", b"\0libcudart.so.13\0/opt/cuda/libcudart.so.13\0")
    assert this_system(tree.probe()).missing("cuda") == ("libcudart.so.13",)


def test_the_cpu_is_that_of_the_first_processor(tree: Tree) -> None:
    tree.write("proc/cpuinfo", CPUINFO)
    cpu = this_system(tree.probe()).cpu
    assert cpu.model == "Some Xeon"
    assert cpu.features == ("AVX2", "AVX-512", "AVX512-VNNI", "AVX512-BF16", "AMX", "AMX-INT8", "AMX-BF16")
    assert (cpu.has_int8, cpu.has_bf16) == (True, True)


def test_an_arm_cpu_has_its_own_words(tree: Tree) -> None:
    tree.write("proc/cpuinfo", "processor\t: 0\nFeatures\t: fp asimd asimddp i8mm\nCPU part\t: 0xd40\n")
    cpu = this_system(tree.probe()).cpu
    assert (cpu.features, cpu.has_int8, cpu.has_bf16) == (("DotProd", "I8MM"), True, False)


def test_the_smallest_limit_above_a_process_counts(tree: Tree) -> None:
    tree.write("proc/self/cgroup", "0::/outer/inner\n")
    tree.write("sys/fs/cgroup/outer/memory.max", "2000000000\n")
    tree.write("sys/fs/cgroup/outer/inner/memory.max", "max\n")
    tree.write("sys/fs/cgroup/outer/cpu.max", "150000 100000\n")
    limits = this_system(tree.probe()).limits
    assert (limits.quota, limits.memory) == (1.5, 2_000_000_000)


def test_an_unlimited_v1_group_sets_no_limit(tree: Tree) -> None:
    tree.write("proc/self/cgroup", "4:memory:/job\n")
    tree.write("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "9223372036854771712\n")
    assert this_system(tree.probe()).limits.memory is None


@pytest.mark.parametrize(
    ("vendor", "kind", "expected"),
    [("0x10de", "0x030200", True), ("0x10de", "0x020700", False), ("0x8086", "0x030000", False)],
)
def test_a_gpu_of_nvidia_is_seen_without_its_driver(tree: Tree, vendor: str, kind: str, expected: bool) -> None:
    tree.write("sys/bus/pci/devices/0000:01:00.0/vendor", vendor + "\n")
    tree.write("sys/bus/pci/devices/0000:01:00.0/class", kind + "\n")
    assert this_system(tree.probe()).nvidia_hardware is expected


def test_needed_libraries_are_those_that_the_linker_wrote() -> None:
    """A real library: the extension module of Python's own that readelf reads too."""
    import _ctypes

    library = Path(_ctypes.__file__)
    shown = subprocess.run(["readelf", "-d", library], capture_output=True, text=True, check=True).stdout
    lines = [line for line in shown.splitlines() if "(NEEDED)" in line]
    assert needed(library) == tuple(line.partition("[")[2].rstrip("]") for line in lines)


@pytest.mark.parametrize("length", [0, 3, 40, 64, 100, 200])
def test_a_library_that_is_cut_off_needs_nothing(tree: Tree, length: int) -> None:
    assert needed(tree.write("x.so", elf(CUDA_NEEDS)[:length])) == ()


def test_a_library_with_an_impossible_size_is_not_read(tree: Tree) -> None:
    content = bytearray(elf(CUDA_NEEDS))
    content[64 + 56 + 32 : 64 + 56 + 40] = struct.pack("<Q", 1 << 62)  # the dynamic segment's size in the file
    assert needed(tree.write("x.so", bytes(content))) == ()


def test_this_very_machine_is_read() -> None:
    system = this_system()
    assert system.packages["numpy"]
    assert "onnxruntime" in system.modules
    assert system.limits.affinity >= 1
    if sys.platform == "linux":
        assert system.cpu.model
