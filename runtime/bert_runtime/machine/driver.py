"""The NVIDIA driver and its GPUs, through the driver's own library: no CUDA toolkit and no Python package is needed."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

LIBRARY = "libcuda.so.1"
_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, _MINOR


@dataclass(frozen=True)
class Gpu:
    """One device: its compute capability, such as (9, 0), and its memory in bytes."""

    name: str
    capability: tuple[int, int]
    memory: int


@dataclass(frozen=True)
class Driver:
    """A driver that was found.

    Attributes:
        cuda: the newest CUDA version that it runs, such as (13, 0); (0, 0) where it does not say.
        gpus: in the order of CUDA's device numbers.
        problem: why it gives no GPU, in its own words; empty where it does.
    """

    cuda: tuple[int, int]
    gpus: tuple[Gpu, ...] = ()
    problem: str = ""


class _CallError(Exception):
    """A call that the driver answered with an error, with the driver's name of it."""


def read_driver(name: str = LIBRARY) -> Driver | None:
    """The driver; None where its library cannot be loaded.

    Asking for the GPUs starts the driver in this process (cuInit), but makes no context on any of them.
    """
    try:
        library = ctypes.CDLL(name)
        return _driver(library)
    except OSError:
        return None
    except AttributeError as error:  # a library of that name without the driver's functions
        return Driver((0, 0), problem=f"{name} is no CUDA driver: {error}")


def _driver(library: Any) -> Driver:
    version = _integer(library, "cuDriverGetVersion")
    cuda = (version // 1000, version % 1000 // 10)
    try:
        _call(library, "cuInit", 0)
        gpus = tuple(_gpu(library, i) for i in range(_integer(library, "cuDeviceGetCount")))
    except _CallError as error:
        return Driver(cuda, problem=str(error))
    return Driver(cuda, gpus, "" if gpus else "the driver lists no GPU")


def _gpu(library: Any, index: int) -> Gpu:
    device = _integer(library, "cuDeviceGet", index)
    name, memory = ctypes.create_string_buffer(256), ctypes.c_size_t()
    _call(library, "cuDeviceGetName", name, 256, device)
    _call(library, "cuDeviceTotalMem_v2", ctypes.byref(memory), device)
    major, minor = (_integer(library, "cuDeviceGetAttribute", which, device) for which in (_MAJOR, _MINOR))
    return Gpu(name.value.decode("utf-8", "replace"), (major, minor), memory.value)


def _integer(library: Any, function: str, *arguments: int) -> int:
    """What a function writes to its first argument, an integer."""
    value = ctypes.c_int()
    _call(library, function, ctypes.byref(value), *arguments)
    return value.value


def _call(library: Any, function: str, *arguments: Any) -> None:
    code = getattr(library, function)(*arguments)
    if code:
        text = ctypes.c_char_p()
        library.cuGetErrorName(code, ctypes.byref(text))
        raise _CallError(f"{function} gives {(text.value or b'an unknown error').decode('ascii', 'replace')} ({code})")
