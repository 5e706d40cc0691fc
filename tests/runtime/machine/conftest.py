"""Machines that nobody has here: as values, and as a tree of the kernel's, the loader's and the packages' files."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bert_runtime.machine.cpu import Cpu
from bert_runtime.machine.driver import LIBRARY, Driver, Gpu
from bert_runtime.machine.fatbin import GpuCode
from bert_runtime.machine.system import Limits, Probe, System
from bert_runtime.targets import BY_NAME

CUDA_NEEDS = ("libcublasLt.so.13", "libcublas.so.13", "libcurand.so.10", "libcudart.so.13", LIBRARY)
TENSORRT_NEEDS = ("libcublas.so.13", "libnvinfer.so.10", "libnvonnxparser.so.10", "libcudart.so.13", "libcudnn.so.9")
"""What the providers of onnxruntime-gpu 1.31.1 are linked to, as `readelf -d` shows it."""

H100 = Gpu("NVIDIA H100", (9, 0), 80 << 30)

LAPTOP = System(
    packages={"onnxruntime": "1.31.1", "openvino": "2026.4.1"},
    modules=frozenset({"onnxruntime", "openvino"}),
    cpu=Cpu("a CPU", ("AVX2", "AVX512-VNNI", "AVX512-BF16")),
    limits=Limits(8, 8),
)
"""A machine for the CPU with nothing wrong."""

GPU_SERVER = replace(
    LAPTOP,
    packages={"onnxruntime-gpu": "1.31.1", "openvino": "2026.4.1", "tensorrt-cu13": "10.13.3"},
    needs={"cuda": CUDA_NEEDS, "tensorrt": TENSORRT_NEEDS},
    libraries={name: Path("/lib") / name for name in (*CUDA_NEEDS, *TENSORRT_NEEDS)},
    code={"cuda": GpuCode(frozenset({(7, 5), (8, 0), (8, 6), (8, 9), (9, 0), (12, 0)}))},
    driver=Driver((13, 0), (H100,)),
    nvidia_hardware=True,
)
"""A machine for every target with nothing wrong."""


def without(system: System, *names: str) -> System:
    """The machine without some of its libraries."""
    return replace(system, libraries={name: file for name, file in system.libraries.items() if name not in names})


def elf(needed: Sequence[str]) -> bytes:
    """A 64 bit ELF shared library that holds nothing but its list of needed libraries (System V ABI, chapters 4, 5)."""
    strings = b"\0" + b"".join(name.encode() + b"\0" for name in needed)
    offsets = [strings.index(b"\0" + name.encode() + b"\0") + 1 for name in needed]
    header, segment, base = 64, 56, 0x1000
    dynamic_at = header + 2 * segment
    dynamic_size = 16 * (len(needed) + 3)
    strings_at = dynamic_at + dynamic_size
    entries = [(1, offset) for offset in offsets] + [(5, base + strings_at), (10, len(strings)), (0, 0)]
    dynamic = b"".join(struct.pack("<qQ", *entry) for entry in entries)
    size = strings_at + len(strings)
    loaded = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x1000)
    described = struct.pack(
        "<IIQQQQQQ", 2, 6, dynamic_at, base + dynamic_at, base + dynamic_at, dynamic_size, dynamic_size, 8
    )
    identity = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    start = identity + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, header, 0, 0, header, segment, 2, 0, 0, 0)
    return start + loaded + described + dynamic + strings


def fatbin(*entries: tuple[int, int], padding: int = 24) -> bytes:
    """A 64 bit ELF library with GPU code: kind (1 PTX, 2 machine code) and architecture of each entry, in containers of
    one entry with zeros between them, as nvcc writes them."""
    code = b""
    for kind, architecture in entries:
        entry = struct.pack("<HHIQ12xI32x", kind, 0x101, 64, 8, architecture) + b"kernels!"
        code += struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(entry)) + entry + bytes(padding)
    names = b"\0.nv_fatbin\0.shstrtab\0"
    header, section = 64, 64
    names_at, code_at = header, header + len(names) + -len(names) % 8
    table_at = code_at + len(code)
    table = bytes(section)
    for name, offset, size in ((1, code_at, len(code)), (12, names_at, len(names))):
        table += struct.pack("<IIQQQQIIQQ", name, 1, 0, 0, offset, size, 0, 0, 8, 0)
    identity = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    start = identity + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 0, table_at, 0, header, 0, 0, section, 3, 2)
    return start + names + bytes(-len(names) % 8) + code + table


@dataclass(frozen=True)
class Tree:
    """The root of a made-up machine and its site-packages."""

    root: Path
    site: Path

    def write(self, path: str, content: str | bytes = "") -> Path:
        """A file of the machine."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    def install(self, name: str, version: str, site: str = "site") -> None:
        """A Python package, as its metadata tells."""
        folder = self.root / site / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir(parents=True)
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (folder / "METADATA").write_text(metadata, encoding="utf-8")

    def provider(self, target: str, needed: Sequence[str]) -> None:
        """ONNX Runtime's library for a target, linked to these."""
        provider = BY_NAME[target].provider
        assert provider is not None
        self.write("site/onnxruntime/__init__.py")
        self.write(f"site/onnxruntime/capi/{provider.library}", elf([*needed, "libc.so.6"]))

    def probe(
        self,
        environment: dict[str, str] | None = None,
        driver: Callable[[], Driver | None] = lambda: None,
        modules: Sequence[str] = ("onnxruntime",),
        path: Sequence[str] = ("site",),
    ) -> Probe:
        """Where the machine is read from."""
        folders = tuple(str(self.root / folder) for folder in path)
        return Probe(self.root, folders, environment or {}, modules.__contains__, driver)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """An empty machine."""
    (tmp_path / "site").mkdir()
    return Tree(tmp_path, tmp_path / "site")
