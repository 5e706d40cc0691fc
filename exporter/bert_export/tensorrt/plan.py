"""`--build-engine`: an engine for the GPU of this machine, beside the bundle and never in it.

An engine is compiled code for one GPU and one version of TensorRT; a bundle is data that runs anywhere.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from bert_export.errors import OptionError
from bert_export.tensorrt.build import build
from bert_export.tensorrt.profile import Shapes

LEAST = (10, 12)
"""The first version of TensorRT whose strongly typed networks take what is exported here."""

_MAJOR, _MINOR = 75, 76
"""Device attributes of the CUDA driver: the compute capability."""


def require_tensorrt() -> tuple[ModuleType, str]:
    """The package, and the compute capability of the first GPU, such as `sm90`.

    Raises:
        OptionError: what is missing on this machine: all of it.
    """
    problems: list[str] = []
    trt = _package(problems)
    capability = _capability(problems)
    if trt is None or capability is None:
        raise OptionError(
            f"--build-engine: {'; '.join(problems)}. Leave it out and build the engine where the GPU is: the line for "
            "trtexec is in the bundle's profile.tensorrt.json"
        )
    return trt, capability


def write_plan(
    trt: ModuleType, capability: str, graph: Path, shapes: Mapping[str, Shapes], folder: Path
) -> tuple[Path, Path]:
    """Build the engine of one graph into `folder`; its path, and that of the timing cache, which the next build reads.

    Raises:
        GateError: TensorRT cannot build it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    machine = f"{trt.__name__}-{trt.__version__}.{capability}"
    timing_cache = folder / f"timing.{machine}.cache"
    earlier = timing_cache.read_bytes() if timing_cache.exists() else b""
    built = build(trt, graph, shapes, earlier)
    plan = folder / f"{graph.stem}.{_digest(graph, shapes)}.{machine}.plan"
    for path, content in ((plan, built.plan), (timing_cache, built.timings)):
        unfinished = path.with_name(f"{path.name}.part")
        unfinished.write_bytes(content)
        unfinished.replace(path)
    return plan, timing_cache


def _package(problems: list[str]) -> ModuleType | None:
    try:
        trt = importlib.import_module("tensorrt")
    except (ImportError, OSError) as error:
        problems.append(f"the package tensorrt cannot be imported ({error}), expected 10.12 or later, or 11")
        return None
    found = tuple(int(part) for part in trt.__version__.split(".")[:2])
    if found < LEAST:
        problems.append(f"tensorrt is {trt.__version__}, expected 10.12 or later, or 11; install it")
        return None
    return trt


def _capability(problems: list[str]) -> str | None:
    """The compute capability as CUDA's driver tells it: neither torch nor TensorRT has to be asked for it."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        problems.append(f"the driver of an NVIDIA GPU is not here ({error})")
        return None
    device, major, minor = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    failed = driver.cuInit(0) or driver.cuDeviceGet(ctypes.byref(device), 0)
    failed = failed or driver.cuDeviceGetAttribute(ctypes.byref(major), _MAJOR, device)
    failed = failed or driver.cuDeviceGetAttribute(ctypes.byref(minor), _MINOR, device)
    if failed:
        problems.append(f"there is a driver but no GPU that it can use (CUDA error {failed})")
        return None
    return f"sm{major.value}{minor.value}"


def _digest(graph: Path, shapes: Mapping[str, Shapes]) -> str:
    """Sixteen digits that change with the graph, its weights beside it, and the profile."""
    digest = hashlib.sha256(repr(sorted(shapes.items())).encode())
    for path in (graph, graph.with_name(f"{graph.name}.data")):
        if path.exists():
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]
