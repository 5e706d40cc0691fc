"""Every target, as a value: the one of each file here. docs/guides/add-a-target.md adds one."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

from bert_runtime.errors import InputError
from bert_runtime.targets.cpu import CPU
from bert_runtime.targets.cuda import CUDA
from bert_runtime.targets.openvino import OPENVINO
from bert_runtime.targets.portable import PORTABLE
from bert_runtime.targets.target import PRECISIONS, Device, Operators, Target, ThreadLayout
from bert_runtime.targets.tensorrt import TENSORRT

__all__ = [
    "AUTO",
    "BY_NAME",
    "BY_PREFERENCE",
    "CPU",
    "CUDA",
    "GPU_TARGETS",
    "OPENVINO",
    "PORTABLE",
    "PRECISIONS",
    "TARGETS",
    "TENSORRT",
    "Device",
    "Operators",
    "Target",
    "ThreadLayout",
    "find_target",
]

AUTO = "auto"
"""In place of a target's name: the one that suits the precision (exporter) or the machine (runtime) best."""


def _found() -> Iterator[Target]:
    """The targets of the files beside this one, by name."""
    for module in iter_modules(__path__):
        values = vars(import_module(f"{__name__}.{module.name}")).values()
        yield from (value for value in values if isinstance(value, Target))


TARGETS = tuple(_found())

BY_NAME = {target.name: target for target in TARGETS}

BY_PREFERENCE = tuple(sorted(TARGETS, key=lambda target: target.auto_rank))
"""In the order in which the runtime's `auto` prefers them."""

GPU_TARGETS = tuple(target for target in BY_PREFERENCE if target.is_on_gpu)


def find_target(name: str) -> Target:
    """The target of this name.

    Raises:
        InputError: there is none; the message lists those there are.
    """
    target = BY_NAME.get(name)
    if target is None:
        raise InputError(f"unknown target {name!r}, expected one of {', '.join(BY_NAME)}")
    return target
