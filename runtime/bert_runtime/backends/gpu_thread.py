"""The one thread that does all of this process's work on a GPU.

ONNX Runtime keeps the recordings of CUDA graphs for each thread, so that the thread that records must replay. And a
recording takes in, or fails by, whatever else the process does on the device meanwhile: no session may work there then.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

_lock = threading.Lock()
_threads: dict[tuple[int, int], GpuThread] = {}


class GpuThread:
    """A thread that does one thing after another."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(1, name)
        self._own = self._pool.submit(threading.get_ident).result()

    def call(self, function: Callable[[], T]) -> T:
        """What `function` gives or raises, on that thread; the caller waits."""
        if threading.get_ident() == self._own:
            return function()
        return self._pool.submit(function).result()


def gpu_thread(device: int) -> GpuThread:
    """That of CUDA's device of this number; a forked process, which has no threads of its parent, gets its own."""
    with _lock:
        key = os.getpid(), device
        if key not in _threads:
            _threads[key] = GpuThread(f"bert-runtime-gpu-{device}")
        return _threads[key]
