"""The CPU's instruction sets that matter to a network's speed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_SETS: Mapping[str, str] = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx_vnni": "AVX-VNNI",
    "avx512_vnni": "AVX512-VNNI",
    "avx512_bf16": "AVX512-BF16",
    "amx_tile": "AMX",
    "amx_int8": "AMX-INT8",
    "amx_bf16": "AMX-BF16",
    "asimddp": "DotProd",
    "i8mm": "I8MM",
    "bf16": "BF16",
}
"""The kernel's word for a flag of x86 or ARM -> that of the makers."""

INT8 = frozenset({"AVX-VNNI", "AVX512-VNNI", "AMX-INT8", "DotProd", "I8MM"})
"""With one of these, products of 8 bit integers are instructions of their own."""

BF16 = frozenset({"AVX512-BF16", "AMX-BF16", "BF16"})
"""With one of these, products in bfloat16 are."""


@dataclass(frozen=True)
class Cpu:
    """The processor's model, and its instruction sets in the words of _SETS."""

    model: str
    features: tuple[str, ...]

    @property
    def has_int8(self) -> bool:
        return not INT8.isdisjoint(self.features)

    @property
    def has_bf16(self) -> bool:
        return not BF16.isdisjoint(self.features)


def parse_cpuinfo(text: str) -> Cpu:
    """The first processor of /proc/cpuinfo."""
    fields: dict[str, str] = {}
    for line in text.partition("\n\n")[0].splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip().lower(), value.strip())
    flags = set((fields.get("flags") or fields.get("features") or "").split())
    names = tuple(name for flag, name in _SETS.items() if flag in flags)
    return Cpu(fields.get("model name") or fields.get("cpu part") or "unknown", names)
