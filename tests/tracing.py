"""torch's tracer, asked once for each network: it takes nine tenths of a tiny export, and never looks at a weight.

What it made is kept without the weights, in a folder that all processes of pytest-xdist and the next run share, until
a line of the exporter, of the network's own code or a version changes. Commands that tests start as processes of their
own trace for themselves, so that what is compared with them is compared with the tracer.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import torch

from bert_export import trace

PASSING = re.compile(
    r" at 0x[0-9a-f]+|\('name_or_path', '[^']*'\)"
    r'|\n *"(architectures|dtype|id2label|initializer_range|label2id|problem_type)": (\[[^]]*\]|\{[^}]*\}|[^,\n]*),?'
)
"""What differs between processes, folders, weights and labels, and means nothing to the tracer."""
LARGEST = 2**28
"""Networks of more bytes are traced each time."""
WEIGHT = ir.tensor(np.zeros((), dtype=np.float32))
"""Stands for each weight in what is kept."""


@dataclass(frozen=True)
class Traced:
    """What `torch.onnx.export` gives, as far as it is used here."""

    model: ir.Model


class KeptTraces:
    """Stands for `torch.onnx.export`."""

    def __init__(self, folder: Path) -> None:
        """`folder` exists; what was kept there for other sources is removed."""
        self._folder = folder / sources()
        self._folder.mkdir(exist_ok=True)
        for other in folder.iterdir():
            if other != self._folder:
                shutil.rmtree(other, ignore_errors=True)
        self._export = torch.onnx.export

    def __call__(self, module: Any, example: Any, **options: Any) -> Any:
        """The graph that the tracer made of a network of the same shape, with the weights of this one; or what it makes
        now."""
        plain = isinstance(module, torch.nn.Module) and all(isinstance(each, torch.Tensor) for each in example)
        if not plain or size_of(module) > LARGEST:
            return self._export(module, example, **options)
        kept = self._folder / f"{digest(module, example, options)}.onnx"
        if kept.exists():
            return Traced(with_weights(ir.from_proto(onnx.load(kept)), module))
        program = self._export(module, example, **options)
        assert program is not None
        own = kept.with_suffix(f".{os.getpid()}")
        onnx.save(ir.to_proto(without_weights(program.model, module)), own)
        own.rename(kept)
        return program


def weights(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Parameters and buffers by each of their names."""
    return dict((*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)))


def without_weights(model: ir.Model, module: torch.nn.Module) -> ir.Model:
    """A copy of `model` in which `WEIGHT` stands for what `module` has; the rest are the tracer's own constants."""
    named = weights(module)
    copied = ir.from_proto(ir.to_proto(model))
    for name, value in copied.graph.initializers.items():
        if name in named:
            assert value.const_value is not None
            assert np.array_equal(value.const_value.numpy(), named[name].numpy(force=True)), name
            value.const_value = WEIGHT
    return copied


def with_weights(model: ir.Model, module: torch.nn.Module) -> ir.Model:
    """`model` with the weights of `module`, in memory of its own."""
    named = weights(module)
    for name, value in model.graph.initializers.items():
        if name in named:
            weight = ir.tensor(named[name].numpy(force=True).copy(), name=name)
            value.const_value, value.shape, value.dtype = weight, ir.Shape(tuple(named[name].shape)), weight.dtype
    return model


def size_of(module: torch.nn.Module) -> int:
    """Bytes of its weights."""
    return sum(weight.numel() * weight.element_size() for weight in module.parameters())


@functools.cache
def sources() -> str:
    """A digest of the exporter's code, of this file, and of the versions of what traces."""
    found = hashlib.sha256(" ".join(map(version, ("torch", "transformers", "onnxscript", "onnx-ir"))).encode())
    for path in (Path(__file__), *sorted(Path(trace.__file__).parent.rglob("*.py"))):
        found.update(path.read_bytes())
    return found.hexdigest()


def digest(module: torch.nn.Module, example: Any, options: Any) -> str:
    """Of all that the tracer sees: the names and shapes of weights, settings, example inputs, options."""
    found = hashlib.sha256()
    for text in settings(module):
        found.update(PASSING.sub("", text).encode())
    first: dict[int, str] = {}  # of the names of one parameter
    for name, weight in weights(module).items():
        found.update(f"{name} {first.setdefault(id(weight), name)} {weight.dtype} {tuple(weight.shape)}".encode())
    found.update(repr([(tuple(each.shape), each.dtype) for each in example]).encode())
    found.update(PASSING.sub("", repr(sorted(options.items()))).encode())
    return found.hexdigest()


def settings(module: torch.nn.Module) -> Iterator[str]:
    """What each module keeps besides weights and modules, and the code of its kind."""
    for name, each in module.named_modules():
        public = {key: value for key, value in vars(each).items() if not key.startswith("_")}
        kind = f"{type(each).__module__}.{type(each).__qualname__} {code(inspect.getsourcefile(type(each)))}"
        yield f"{name} {kind} {each.training} {sorted(public.items(), key=str)}"


@functools.cache
def code(path: str | None) -> str:
    """A digest of the file that defines a class."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest() if path else ""
