"""torch's tracer, asked once for each network in one run of the tests: it takes nine tenths of a tiny export.

What it made is kept in a file that all processes of pytest-xdist share. Commands that tests start as processes of their
own trace for themselves, so that what is compared with them is compared with the tracer.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import onnx_ir as ir
import torch

PASSING = re.compile(r" at 0x[0-9a-f]+|\('name_or_path', '[^']*'\)")
"""What differs between processes and folders, and means nothing to the tracer."""
LARGEST = 2**28
"""Networks of more bytes are traced each time."""


@dataclass(frozen=True)
class Traced:
    """What `torch.onnx.export` gives, as far as it is used here."""

    model: ir.Model


class KeptTraces:
    """Stands for `torch.onnx.export`."""

    def __init__(self, folder: Path) -> None:
        """`folder` exists; what other processes put there is used."""
        self._folder = folder
        self._export = torch.onnx.export

    def __call__(self, module: Any, example: Any, **options: Any) -> Any:
        """A copy of the graph that the tracer made of an equal network, or what it makes now."""
        plain = isinstance(module, torch.nn.Module) and all(isinstance(each, torch.Tensor) for each in example)
        if not plain or size_of(module) > LARGEST:
            return self._export(module, example, **options)
        kept = self._folder / f"{digest(module, example, options)}.onnx"
        if kept.exists():
            return Traced(ir.from_proto(onnx.load(kept)))
        program = self._export(module, example, **options)
        assert program is not None
        own = kept.with_suffix(f".{os.getpid()}")
        onnx.save(ir.to_proto(program.model), own)
        own.rename(kept)
        return program


def size_of(module: torch.nn.Module) -> int:
    """Bytes of its weights."""
    return sum(weight.numel() * weight.element_size() for weight in module.parameters())


def digest(module: torch.nn.Module, example: Any, options: Any) -> str:
    """Of all that the tracer sees: weights, settings, example inputs, options."""
    found = hashlib.sha256()
    for text in settings(module):
        found.update(PASSING.sub("", text).encode())
    first: dict[int, str] = {}  # of the names of one parameter
    for name, weight in (*module.named_parameters(remove_duplicate=False), *module.named_buffers()):
        found.update(f"{name} {first.setdefault(id(weight), name)} {weight.dtype} {tuple(weight.shape)}".encode())
        found.update(weight.detach().contiguous().numpy().tobytes())
    found.update(repr([(tuple(each.shape), each.dtype) for each in example]).encode())
    found.update(PASSING.sub("", repr(sorted(options.items()))).encode())
    return found.hexdigest()


def settings(module: torch.nn.Module) -> Iterator[str]:
    """What each module keeps besides weights and modules."""
    for name, each in module.named_modules():
        public = {key: value for key, value in vars(each).items() if not key.startswith("_")}
        kind = f"{type(each).__module__}.{type(each).__qualname__}"
        yield f"{name} {kind} {each.training} {sorted(public.items(), key=str)}"
