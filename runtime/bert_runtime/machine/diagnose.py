"""What is wrong with a machine, whatever the bundle: the packages, the GPU if there is one, the CPU and its limits."""

from __future__ import annotations

import math
from collections.abc import Iterator

from bert_runtime.machine.attention import slow_attention
from bert_runtime.machine.driver import LIBRARY
from bert_runtime.machine.finding import Finding, Level
from bert_runtime.machine.requirements import known_faults, missing_requirements
from bert_runtime.machine.system import System
from bert_runtime.targets import CPU, GPU_TARGETS

_LITTLE_MEMORY = 1 << 30
"""Bytes. BERT-base in fp32 has 438 MB of weights, which a load holds twice for a moment."""


def diagnose(system: System) -> list[Finding]:
    """Every fault once, then every note once."""
    found = list(
        dict.fromkeys(
            [
                *missing_requirements(system, CPU.name),
                *_packages(system),
                *_gpu(system),
                *_cpu(system),
                *_limits(system),
            ]
        )
    )
    return sorted(found, key=lambda finding: finding.level is not Level.FAULT)


def _packages(system: System) -> Iterator[Finding]:
    for package in ("onnxruntime", "onnxruntime-gpu"):
        finding = known_faults(package, system.packages.get(package, ""))
        if finding is not None:
            yield finding


def _gpu(system: System) -> Iterator[Finding]:
    """What keeps a GPU from being used, on a machine that has one or a package that is only good for one."""
    if not (system.driver or system.nvidia_hardware):
        if "onnxruntime-gpu" in system.packages and "onnxruntime" not in system.packages:
            yield Finding(
                Level.FAULT,
                f"onnxruntime-gpu is installed, but neither a GPU nor the driver's {LIBRARY} is here: it runs on the "
                "CPU alone",
                "install NVIDIA's driver (in a container, start it with `docker run --gpus all`), or for the CPU run "
                "`pip uninstall onnxruntime-gpu`, then `pip install 'bert-export[cpu]'`",
            )
        return
    for target in GPU_TARGETS:
        yield from missing_requirements(system, target.name)
    yield from slow_attention(system)


def _cpu(system: System) -> Iterator[Finding]:
    cpu = system.cpu
    if not cpu.features:
        yield Finding(
            Level.NOTE,
            f"the CPU ({cpu.model}) has neither AVX2 nor ARM's dot products, as far as /proc/cpuinfo says",
            "expect less speed than measured here; in a virtual machine, pass the host's CPU through",
        )
        return
    if not cpu.has_int8:
        yield Finding(
            Level.NOTE,
            "the CPU has no instruction for int8 products (VNNI, AMX, DotProd): int8 gains less",
            "compare both precisions on this machine before choosing int8",
        )
    if not cpu.has_bf16:
        yield Finding(
            Level.NOTE,
            "the CPU has no bf16 products (AVX512-BF16, AMX): a bf16 artefact runs in fp32",
            "export int8 or fp32 for this machine",
        )


def _limits(system: System) -> Iterator[Finding]:
    limits = system.limits
    if limits.affinity < limits.host:
        yield Finding(
            Level.NOTE,
            f"this process may use {limits.affinity} of the host's {limits.host} CPUs (affinity)",
            "threads follow it; widen it with `taskset` or `docker run --cpuset-cpus`",
        )
    if limits.quota is not None and limits.quota < limits.affinity:
        threads = max(1, math.ceil(limits.quota))
        yield Finding(
            Level.NOTE,
            f"the cgroup gives this process the time of {limits.quota:g} CPUs, fewer than its {limits.affinity}",
            f"a session takes {threads} threads by default; raise it with `docker run --cpus`",
        )
    if limits.memory is not None and limits.memory < _LITTLE_MEMORY:
        yield Finding(
            Level.FAULT,
            f"the cgroup limits memory to {limits.memory / 1e6:.0f} MB, expected {_LITTLE_MEMORY / 1e6:.0f} MB at "
            "least for a model of BERT-base's size",
            "raise it with `docker run --memory`",
        )
