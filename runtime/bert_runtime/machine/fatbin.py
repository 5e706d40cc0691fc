"""Which GPUs a shared library has code for, read from its file: nothing is loaded.

nvcc keeps code in the section `.nv_fatbin`: containers, each with a header of 16 bytes (magic number, version, size of
the header, size of what follows it) and entries, each with a header (kind, version, its size, size of the code; at byte
28 the architecture, such as 90) and code. NVIDIA has no public text on it; `cuobjdump --list-elf` prints the same list.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SECTIONS = (".nv_fatbin", "__nv_relfatbin")
_MAGIC = 0xBA55ED50
_PTX, _CUBIN = 1, 2  # kinds of entries
_CONTAINER, _ENTRY, _ARCHITECTURE = struct.Struct("<IHHQ"), struct.Struct("<HHIQ"), struct.Struct("<I")
_ELF_SECTION = struct.Struct("<II QQQQ 24x")
_ARCHITECTURE_AT = 28

Capability = tuple[int, int]


@dataclass(frozen=True)
class GpuCode:
    """The compute capabilities, such as (9, 0), of machine code, and of PTX, which a driver compiles."""

    machine: frozenset[Capability] = frozenset()
    ptx: frozenset[Capability] = frozenset()

    def runs_on(self, gpu: Capability) -> bool:
        """Machine code runs on its own and later minor versions of a major one, PTX on every later one (CUDA C++
        Programming Guide, "Application Compatibility")."""
        return any(own[0] == gpu[0] and own <= gpu for own in self.machine) or any(own <= gpu for own in self.ptx)

    def __str__(self) -> str:
        names = [f"{major}.{minor}" for major, minor in sorted(self.machine)]
        return ", ".join([*names, *(f"PTX {major}.{minor}" for major, minor in sorted(self.ptx))])


def gpu_code(library: Path) -> GpuCode | None:
    """What the library has code for; None where it holds none that can be read, as a library without kernels."""
    try:
        with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            found = set(_entries(content))
    except (OSError, ValueError, struct.error):
        return None
    machine = frozenset(divmod(number, 10) for kind, number in found if kind == _CUBIN)
    ptx = frozenset(divmod(number, 10) for kind, number in found if kind == _PTX)
    return GpuCode(machine, ptx) if machine or ptx else None


def _entries(content: mmap.mmap) -> Iterator[tuple[int, int]]:
    """Kind and architecture of every entry."""
    for start, size in _fatbins(content):
        at = start
        while at + _CONTAINER.size <= min(start + size, len(content)):
            magic, _, header, length = _CONTAINER.unpack_from(content, at)
            if magic != _MAGIC or header < _CONTAINER.size:
                at += 8  # containers are aligned, with zeros between them
                continue
            yield from _entries_of(content, at + header, at + header + length)
            at += header + length


def _entries_of(content: mmap.mmap, at: int, end: int) -> Iterator[tuple[int, int]]:
    while at + _ARCHITECTURE_AT + _ARCHITECTURE.size <= min(end, len(content)):
        kind, _, header, length = _ENTRY.unpack_from(content, at)
        if header <= _ARCHITECTURE_AT:
            return  # no header: what follows cannot be read
        yield kind, _ARCHITECTURE.unpack_from(content, at + _ARCHITECTURE_AT)[0]
        at += header + length


def _fatbins(content: mmap.mmap) -> Iterator[tuple[int, int]]:
    """Where the sections with code begin, and their sizes (System V ABI, chapter 4, "Sections")."""
    if content[:6] != b"\x7fELF\x02\x01":
        return
    (table,) = struct.unpack_from("<Q", content, 0x28)
    size, count, names = struct.unpack_from("<HHH", content, 0x3A)
    sections = [_ELF_SECTION.unpack_from(content, table + size * i) for i in range(count)]
    if names >= len(sections):
        return
    strings = sections[names][4]
    for name, _, _, _, offset, length in sections:
        end = content.find(b"\0", strings + name)
        if content[strings + name : end].decode("ascii", "replace") in _SECTIONS:
            yield offset, length
