"""Which attention kernels ONNX Runtime's CUDA provider has on a machine's GPU: it takes a slower one without a word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from bert_runtime.machine.finding import Finding, Level
from bert_runtime.machine.system import System
from bert_runtime.targets import CUDA

NEWEST_FUSED = (8, 9)
"""The newest compute capability of TensorRT's fused kernels, which ONNX Runtime holds as machine code. They take the
lengths of right-padded rows. On a newer GPU, cuDNN's attention takes these, or only the slow kernel does."""

LEAST_CUDNN = (9, 3)
"""The first cuDNN whose attention ONNX Runtime takes for sound."""

CUDNN = "libcudnn.so.9"


def takes_lengths(system: System, device: int = 0) -> bool:
    """Whether a fast kernel takes the lengths of right-padded rows; true where the GPU is not known."""
    gpus = system.driver.gpus if system.driver else ()
    is_fused = device >= len(gpus) or gpus[device].capability <= NEWEST_FUSED
    return is_fused or (CUDNN in system.libraries and (cudnn_version(system) or LEAST_CUDNN) >= LEAST_CUDNN)


def cudnn_version(system: System) -> tuple[int, int] | None:
    """Major and minor version of cuDNN, as its file's name or else its package says; None where neither does."""
    file = system.libraries.get(CUDNN)
    if file is None:
        return None
    named = re.search(r"\.so\.(\d+)\.(\d+)", _resolved(file).name)
    packages = (version for name, version in system.packages.items() if name.startswith("nvidia-cudnn"))
    found = named or re.match(r"(\d+)\.(\d+)", next(packages, ""))
    return (int(found[1]), int(found[2])) if found else None


def slow_attention(system: System) -> Iterator[Finding]:
    """A GPU on which right-padded rows have no fast kernel that takes their lengths."""
    if CUDA.name not in system.needs or takes_lengths(system):
        return
    gpu = system.driver.gpus[0].name if system.driver else "the GPU"
    version = cudnn_version(system)
    has = f"cuDNN {version[0]}.{version[1]} is here" if version else f"{CUDNN}: not found"
    least = ".".join(map(str, LEAST_CUDNN))
    yield Finding(
        Level.NOTE,
        f"{has}, expected cuDNN {least} at least, whose attention kernel is ONNX Runtime's fastest on {gpu}: its "
        "memory-efficient one runs instead",
        f"run `pip install 'nvidia-cudnn-cu13>={least}'`",
    )


def _resolved(file: Path) -> Path:
    try:
        return file.resolve()
    except OSError:
        return file
