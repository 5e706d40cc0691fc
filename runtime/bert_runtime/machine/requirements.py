"""Which requirements of a target a machine does not meet: none means that an engine for it can be started."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from bert_runtime.machine.driver import LIBRARY, Gpu
from bert_runtime.machine.finding import Finding, Level
from bert_runtime.machine.system import System
from bert_runtime.targets import GPU_TARGETS, Target, find_target

CONFLICT = Finding(
    Level.FAULT,
    "onnxruntime and onnxruntime-gpu are both installed in one folder, where they overwrite each other's files, "
    "expected one of them",
    "run `pip uninstall onnxruntime onnxruntime-gpu`, then `pip install 'bert-export[cpu]'` (or [gpu])",
)
SAFE_ONNXRUNTIME = (1, 28)
"""The first release that refuses memory addresses as the place of weights wherever a graph can name one (its pull
requests 28709 and 29011), and negative indices in Attention and EmbedLayerNormalization (27789, 27573). Tried: with
1.26.0 a sparse initialiser at an address ends the process."""
_INSTALL_DRIVER = "install NVIDIA's driver for this GPU; in a container, start it with `docker run --gpus all`"
_OLDEST: Mapping[int, tuple[int, int]] = {12: (5, 0), 13: (7, 5)}
"""Major version of CUDA -> the oldest compute capability that its libraries have code for (CUDA release notes)."""
_TENSORRT_PACKAGES = ("tensorrt", "tensorrt-cu13", "tensorrt-cu12")
_OLDEST_ONNXRUNTIME = (1, 24)
"""The first onnxruntime-gpu that records which provider took which node."""


def missing_requirements(system: System, target: str) -> tuple[Finding, ...]:
    """Everything that the target of this name needs and the machine lacks.

    Raises:
        InputError: there is no such target.
    """
    wanted = find_target(target)
    return tuple(_of_gpu(system, wanted) if wanted.provider else _of_cpu(system, wanted))


def known_faults(package: str, version: str) -> Finding | None:
    """What to say of an ONNX Runtime before SAFE_ONNXRUNTIME; None of a later one, or one whose version is odd."""
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    if len(numbers) < 2 or numbers >= SAFE_ONNXRUNTIME:
        return None
    safe = ".".join(map(str, SAFE_ONNXRUNTIME))
    return Finding(
        Level.FAULT,
        f"{package} {version} has known faults in loading a graph from a stranger, expected {safe} or later",
        f"run `pip install '{package}>={safe}'`, or load only bundles that you trust",
    )


def _of_cpu(system: System, target: Target) -> Iterator[Finding]:
    if target.module != "onnxruntime":
        if target.module not in system.modules:
            what = f"{target.module} is not installed"
            yield Finding(Level.NOTE, what, f"run `pip install 'bert-export[{target.extra}]'`")
    elif {"onnxruntime", "onnxruntime-gpu"} <= system.packages.keys():
        yield CONFLICT
    elif "onnxruntime" not in system.modules:
        yield Finding(
            Level.FAULT,
            "onnxruntime is not installed",
            f"run `pip install 'bert-export[{'gpu' if _has_gpu(system) else target.extra}]'`",
        )


def _of_gpu(system: System, target: Target) -> Iterator[Finding]:
    provider = target.provider
    assert provider is not None
    if not _has_gpu(system):  # what is good only for a GPU is no advice for this machine
        yield from _gpu(system, None)
        return
    yield from _provider(system, target.name)
    cuda = _cuda_major(system, target.name)
    yield from _gpu(system, cuda)
    gpus, oldest = system.driver.gpus if system.driver else (), provider.oldest_capability
    if gpus and oldest is not None and gpus[0].capability < oldest:
        yield _too_old(system, provider.oldest_reason, oldest)
    elif gpus and gpus[0].capability >= _OLDEST.get(cuda or 0, (0, 0)):
        code = system.code.get(target.name)
        if code is not None and not code.runs_on(gpus[0].capability):
            yield _no_code(system, target, gpus[0])


def _has_gpu(system: System) -> bool:
    return system.driver is not None or system.nvidia_hardware


def _provider(system: System, target: str) -> Iterator[Finding]:
    """The package with the provider's library, and every library that this one is linked to."""
    if {"onnxruntime", "onnxruntime-gpu"} <= system.packages.keys():
        yield CONFLICT
        return
    if target not in system.needs:
        has = "onnxruntime, which has no provider for GPUs," if "onnxruntime" in system.modules else "no onnxruntime"
        fix = "run `pip uninstall onnxruntime`, then " if "onnxruntime" in system.packages else "run "
        yield Finding(
            Level.NOTE,
            f"{has} is installed, expected onnxruntime-gpu",
            f"{fix}`pip install 'bert-export[gpu]' 'onnxruntime-gpu[cuda,cudnn]'`",
        )
        return
    yield from _too_old_package(system)
    missing = [name for name in system.missing(target) if name != LIBRARY]
    tensorrt = [name for name in missing if name.startswith(("libnvinfer", "libnvonnxparser"))]
    toolkit = [name for name in missing if name not in tensorrt]
    if toolkit:
        yield Finding(
            Level.FAULT,
            f"{', '.join(toolkit)}: not found, and ONNX Runtime's provider for {target} is linked to them",
            f"run `pip install {' '.join(map(repr, _wheels(toolkit, _cuda_major(system, target))))}`, or name the "
            "folder that has them in LD_LIBRARY_PATH",
        )
    if tensorrt:
        yield _tensorrt_version(system, target, tensorrt)


def _too_old_package(system: System) -> Iterator[Finding]:
    version = system.packages.get("onnxruntime-gpu", "")
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    if len(numbers) == 2 and numbers < _OLDEST_ONNXRUNTIME:
        yield Finding(
            Level.FAULT,
            f"onnxruntime-gpu {version} does not say where it runs a network, expected 1.24 at least",
            f"run `pip install 'onnxruntime-gpu>={'.'.join(map(str, SAFE_ONNXRUNTIME))}'`",
        )


def _tensorrt_version(system: System, target: str, missing: list[str]) -> Finding:
    """A TensorRT that is not there, or there in a major version that this provider cannot load."""
    major = _major(missing[0])
    cuda = _cuda_major(system, target)
    package = f"{_TENSORRT_PACKAGES[0]}-cu{cuda}" if cuda else _TENSORRT_PACKAGES[0]
    install = f"`pip install '{package}>={major},<{major + 1}'`"
    others = [name for name in _TENSORRT_PACKAGES if name in system.packages]
    if not others:
        what = f"{', '.join(missing)}: not found, and ONNX Runtime's provider for {target} is linked to them"
        return Finding(Level.NOTE, what, f"run {install}")
    installed = ", ".join(f"{name} {system.packages[name]}" for name in others)
    return Finding(
        Level.FAULT,
        f"{installed} cannot be loaded by ONNX Runtime's provider, which is linked to {missing[0]}: expected TensorRT "
        f"{major}",
        f"run `pip uninstall {' '.join(others)}`, then {install}",
    )


def _gpu(system: System, cuda: int | None) -> Iterator[Finding]:
    driver = system.driver
    if driver is None:
        if system.nvidia_hardware:
            yield Finding(Level.FAULT, f"an NVIDIA GPU is here, but its driver's {LIBRARY} is not", _INSTALL_DRIVER)
        else:
            yield Finding(Level.NOTE, f"no NVIDIA GPU and no driver ({LIBRARY}) is here", "use a machine that has one")
        return
    if not driver.gpus:
        yield _no_gpu(system, driver.problem)
        return
    if cuda and driver.cuda < (cuda, 0):
        yield Finding(
            Level.FAULT,
            f"the driver runs CUDA {driver.cuda[0]}.{driver.cuda[1]} at most, expected {cuda}.0, which this "
            "onnxruntime-gpu is built for",
            "install a newer driver, or an onnxruntime-gpu that is built for the driver's CUDA",
        )
    if cuda is not None and driver.gpus[0].capability < _OLDEST.get(cuda, (0, 0)):
        yield _too_old(system, f"CUDA {cuda}", _OLDEST[cuda])


def _no_gpu(system: System, problem: str) -> Finding:
    visible = system.environment.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return Finding(
            Level.FAULT,
            f"the driver gives no GPU ({problem}), and CUDA_VISIBLE_DEVICES is {visible!r}",
            "unset CUDA_VISIBLE_DEVICES, or name a GPU that `nvidia-smi -L` lists",
        )
    return Finding(Level.FAULT, f"the driver gives no GPU: {problem}", _INSTALL_DRIVER)


def _too_old(system: System, what: str, oldest: tuple[int, int]) -> Finding:
    gpu = system.driver.gpus[0] if system.driver else None
    got = f"{gpu.name} has the compute capability {gpu.capability[0]}.{gpu.capability[1]}" if gpu else "no GPU"
    return Finding(
        Level.NOTE, f"{got}, expected {oldest[0]}.{oldest[1]} at least for {what}", "use a newer GPU, or another target"
    )


def _no_code(system: System, target: Target, gpu: Gpu) -> Finding:
    """A provider that would load, and fail in its first kernel."""
    major, minor = gpu.capability
    others = [name for name in (each.name for each in GPU_TARGETS) if name != target.name]
    version = system.packages.get("onnxruntime-gpu", "")
    return Finding(
        Level.FAULT,
        f"onnxruntime-gpu {version} has code for the compute capabilities {system.code[target.name]}, expected "
        f"{major}.{minor}, which {gpu.name} has",
        f"install an onnxruntime-gpu that is built for {major}.{minor}, or name the target {' or '.join(others)}",
    )


def _cuda_major(system: System, target: str) -> int | None:
    """The major version of CUDA that the target's provider is built for, as its libcudart says."""
    return next((_major(name) for name in system.needs.get(target, ()) if name.startswith("libcudart.so.")), None)


def _major(name: str) -> int:
    """`libnvinfer.so.10` -> 10."""
    found = re.search(r"\.so\.(\d+)", name)
    return int(found[1]) if found else 0


def _wheels(missing: list[str], cuda: int | None) -> list[str]:
    """The PyPI packages that bring these libraries, in the version that the names ask for.

    A package's major version is that of its library; packages of CUDA 12 have that number in their name, too.
    """
    suffix = "" if cuda is None or cuda >= 13 else f"-cu{cuda}"
    packages = {
        "libcublas": f"nvidia-cublas{suffix}",
        "libcudart": f"nvidia-cuda-runtime{suffix}",
        "libcurand": f"nvidia-curand{suffix}",
        "libcufft": f"nvidia-cufft{suffix}",
        "libnvrtc": f"nvidia-cuda-nvrtc{suffix}",
        "libcudnn": f"nvidia-cudnn-cu{cuda or 13}",
    }
    found = [
        f"{package}=={_major(name)}.*"
        for name in missing
        for library, package in packages.items()
        if name.startswith(library)
    ]
    return list(dict.fromkeys(found)) or ["onnxruntime-gpu[cuda,cudnn]"]
