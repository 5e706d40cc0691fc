"""The best that the hardware was seen to do, with torch: products of large matrices, and copies."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.gpu.shapes import Ceilings

SIZES = {"cuda": (2048, 4096, 8192), "cpu": (512, 1024)}
"""Of square matrices: the best size differs from GPU to GPU."""
BYTES = {"cuda": 1 << 30, "cpu": 1 << 27}
REPEATS, TRIES = 10, 3


def measure(device: str) -> Ceilings:
    """On `device`, cuda or cpu: in half precision on a GPU, in single on a CPU."""
    import torch  # noqa: PLC0415 - in a process of its own

    kind = torch.float16 if device == "cuda" else torch.float32
    fastest = 0.0
    for size in SIZES[device]:
        one, other = (torch.randn(size, size, device=device).to(kind) for _ in range(2))
        fastest = max(fastest, 2 * size**3 / _seconds(partial(torch.mm, one, other), device))
    source = torch.zeros(BYTES[device], dtype=torch.uint8, device=device)
    copy = torch.empty_like(source)
    bandwidth = 2 * BYTES[device] / _seconds(partial(copy.copy_, source), device)
    return Ceilings("fp16" if device == "cuda" else "fp32", fastest, bandwidth)


def _seconds(work: Callable[[], Any], device: str) -> float:
    """Of one of REPEATS in a row, the fastest of TRIES."""
    work()
    return min(_once(work, device) for _ in range(TRIES)) / REPEATS


def _once(work: Callable[[], Any], device: str) -> float:
    if device == "cpu":
        began = time.perf_counter()
        for _ in range(REPEATS):
            work()
        return time.perf_counter() - began
    import torch  # noqa: PLC0415

    cuda: Any = torch.cuda  # its events are not typed
    began_on_gpu, ended = cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)
    began_on_gpu.record()
    for _ in range(REPEATS):
        work()
    ended.record()
    ended.synchronize()
    return float(began_on_gpu.elapsed_time(ended)) / 1e3
