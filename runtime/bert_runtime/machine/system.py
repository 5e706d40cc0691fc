"""The machine as one value: read once here, judged by pure functions elsewhere, and made up by tests."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bert_runtime.cpus import affinity, cpu_quota, memory_limit
from bert_runtime.machine.cpu import Cpu, parse_cpuinfo
from bert_runtime.machine.driver import LIBRARY, Driver, read_driver
from bert_runtime.machine.elf import needed
from bert_runtime.machine.fatbin import GpuCode, gpu_code
from bert_runtime.machine.libraries import Libraries
from bert_runtime.machine.packages import installed, onnxruntime_folder
from bert_runtime.targets import GPU_TARGETS, TARGETS

MODULES = tuple(dict.fromkeys(target.module for target in TARGETS))
"""The Python modules of engines."""

_NVIDIA_PCI = "0x10de"
_OF_EVERY_SYSTEM = ("libc.", "libm.", "libdl.", "librt.", "libpthread.", "libstdc++.", "libgcc_s.", "ld-linux", "libz.")


@dataclass(frozen=True)
class Limits:
    """What this process may use: CPUs of the host, of its affinity and of its cgroup's quota; bytes of memory."""

    host: int = 1
    affinity: int = 1
    quota: float | None = None
    memory: int | None = None


@dataclass(frozen=True)
class System:
    """What a machine has.

    Attributes:
        packages: those of `packages.PACKAGES` that are installed, and of onnxruntime's those that `import` takes ->
            their version.
        modules: which of MODULES Python finds.
        needs: a GPU target that ONNX Runtime's package has a provider for -> the libraries that it is linked to, but
            for those that every system has.
        libraries: each of these, of those that the provider opens later, and the driver's, that is here -> its file.
        code: such a target -> the GPUs that its provider has code for; none where that cannot be read.
        driver: None where the driver's library is not here.
        nvidia_hardware: whether the PCI bus or the kernel shows an NVIDIA device, with or without a driver.
        environment: the process's variables.
    """

    packages: Mapping[str, str] = field(default_factory=dict)
    modules: frozenset[str] = frozenset()
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    libraries: Mapping[str, Path] = field(default_factory=dict)
    code: Mapping[str, GpuCode] = field(default_factory=dict)
    driver: Driver | None = None
    nvidia_hardware: bool = False
    cpu: Cpu = field(default_factory=lambda: Cpu("unknown", ()))
    limits: Limits = field(default_factory=Limits)
    environment: Mapping[str, str] = field(default_factory=dict)

    def missing(self, target: str) -> tuple[str, ...]:
        """The libraries that the target's provider is linked to and that are nowhere, in order."""
        return tuple(name for name in self.needs.get(target, ()) if name not in self.libraries)

    def files(self, names: Iterable[str]) -> tuple[Path, ...]:
        """The files of those of these libraries that are here, once each, in order."""
        return tuple(self.libraries[name] for name in dict.fromkeys(names) if name in self.libraries)


def is_importable(module: str) -> bool:
    """Whether Python finds a top-level module; nothing is imported."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # an import hook may refuse to look for it
        return False


@dataclass(frozen=True)
class Probe:
    """Where a System is read from: the real machine, or a test's file tree and functions."""

    root: Path = Path("/")
    path: Sequence[str] = field(default_factory=lambda: tuple(sys.path))
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    importable: Callable[[str], bool] = is_importable
    driver: Callable[[], Driver | None] = read_driver


def this_system(probe: Probe | None = None) -> System:
    """Read the machine: files and the driver; no package is imported and no library but the driver's is loaded."""
    probe = probe or Probe()
    root, folders = probe.root, [Path(folder) for folder in probe.path if folder]
    libraries = Libraries(root, folders, probe.environment)
    providers = _provider_libraries(folders)
    needs = {target: _needs(file) for target, file in providers.items()}
    late = [name for target in GPU_TARGETS if target.provider for name in target.provider.opened_late]
    names = {LIBRARY, *(name for linked in needs.values() for name in linked), *(late if needs else ())}
    driver = probe.driver()
    return System(
        packages=installed([folder for folder in probe.path if folder]),
        modules=frozenset(name for name in MODULES if probe.importable(name)),
        needs=needs,
        libraries={name: found for name in sorted(names) if (found := libraries.find(name)) is not None},
        code=_code(providers) if driver else {},
        driver=driver,
        nvidia_hardware=_has_nvidia_hardware(root),
        cpu=parse_cpuinfo(_text(root / "proc/cpuinfo")),
        limits=_limits(root),
        environment=probe.environment,
    )


def _provider_libraries(folders: Sequence[Path]) -> dict[str, Path]:
    """GPU target -> the library of its provider, in the package that `import onnxruntime` takes."""
    package = onnxruntime_folder(folders)
    if package is None:
        return {}
    files = {target.name: package / "capi" / target.provider.library for target in GPU_TARGETS if target.provider}
    return {target: file for target, file in files.items() if file.is_file()}


def _needs(provider: Path) -> tuple[str, ...]:
    return tuple(name for name in needed(provider) if not name.startswith(_OF_EVERY_SYSTEM))


def _code(providers: Mapping[str, Path]) -> dict[str, GpuCode]:
    return {target: code for target, file in providers.items() if (code := gpu_code(file)) is not None}


def _has_nvidia_hardware(root: Path) -> bool:
    if (root / "proc/driver/nvidia/version").exists() or (root / "dev/nvidia0").exists():
        return True
    # PCI class 03: display controllers, which excludes NVIDIA's network cards.
    devices = (root / "sys/bus/pci/devices").glob("*/vendor")
    return any(
        _text(vendor).strip() == _NVIDIA_PCI and _text(vendor.with_name("class")).startswith("0x03")
        for vendor in devices
    )


def _limits(root: Path) -> Limits:
    cgroup, membership = root / "sys/fs/cgroup", root / "proc/self/cgroup"
    return Limits(os.cpu_count() or 1, affinity(), cpu_quota(cgroup, membership), memory_limit(cgroup, membership))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
