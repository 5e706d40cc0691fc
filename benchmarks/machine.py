"""Where a figure comes from: the processor and what it can do, the versions, the commit, and how busy it was."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bert_runtime.machine.driver import read_driver

ISA = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimddp", "sve")
"""The instruction sets that decide the speed of a matrix product, weakest first."""

PACKAGES = (
    *(
        "numpy",
        "onnxruntime",
        "onnxruntime-gpu",
        "openvino",
        "tensorrt",
        "tensorrt-cu13",
        "tensorrt-cu12",
        "tokenizers",
    ),
    *("torch", "transformers", "onnx", "onnxscript"),
)


def resident(field: str) -> float:
    """MiB of this process: VmRSS, those that are resident, or VmHWM, the most that were. Not ru_maxrss, which a process
    starts with its parent's of."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (kib,) = re.findall(rf"^{field}:\s+(\d+) kB$", status, flags=re.MULTILINE)
    return int(kib) / 1024


@dataclass(frozen=True)
class Machine:
    """The machine and the software at the moment of a measurement.

    Attributes:
        cpu: the model's name, as the kernel gives it.
        family: the processor's family and model numbers: a name such as `AMD EPYC` says little.
        isa: those of ISA that it has.
        cpus: how many this process may use.
        memory: GiB.
        versions: package -> version.
        commit: of this repository; ends in `+` where files that it tracks were changed.
        load: the load average of the last minute when the measurement ended.
        gpus: each with its memory, its compute capability and the newest CUDA that its driver runs.
    """

    cpu: str
    family: str
    isa: tuple[str, ...]
    cpus: int
    memory: int
    python: str
    system: str
    versions: Mapping[str, str]
    commit: str
    load: float
    gpus: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """For a folder: processor, best instruction set, CPUs; first the GPU where there is one."""
        best = self.isa[-1].replace("_", "-") if self.isa else "base"
        parts = [*(_slug(gpu.partition(",")[0]) for gpu in self.gpus[:1]), _slug(self.cpu) or "cpu", best]
        return f"{'-'.join(parts)}-{self.cpus}cpu"


def this_machine() -> Machine:
    """The machine this runs on, now."""
    facts = _cpuinfo()
    flags = (facts.get("flags") or facts.get("Features") or "").split()
    return Machine(
        cpu=facts.get("model name") or platform.machine(),
        family=f"{facts.get('cpu family', '?')}/{facts.get('model', '?')}",
        isa=tuple(name for name in ISA if name in flags),
        cpus=len(os.sched_getaffinity(0)),
        memory=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        versions={name: version for name in PACKAGES if (version := _version(name))},
        commit=_commit(),
        load=round(os.getloadavg()[0], 2),
        gpus=tuple(_gpus()),
    )


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _gpus() -> Iterator[str]:
    driver = read_driver()
    for gpu in driver.gpus if driver else ():
        major, minor = gpu.capability
        cuda = ".".join(map(str, driver.cuda)) if driver else ""
        yield f"{gpu.name}, {gpu.memory / 2**30:.0f} GiB, compute capability {major}.{minor}, CUDA {cuda}"


def _cpuinfo() -> dict[str, str]:
    path = Path("/proc/cpuinfo")
    first = path.read_text(encoding="utf-8").split("\n\n")[0] if path.exists() else ""
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit() -> str:
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", "runtime", "exporter", "benchmarks")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + ("+" if changed else "")


def _git(*arguments: str) -> str:
    here = Path(__file__).parent.parent
    return subprocess.run(["git", *arguments], cwd=here, capture_output=True, text=True, check=True).stdout.strip()
