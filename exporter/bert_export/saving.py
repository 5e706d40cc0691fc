"""Writing a graph: one file, or the graph and its weights in a file of their own, from where they can be mapped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx_ir as ir

LARGEST_FILE = 8 * 2**20
"""Bytes of weights that go into the file itself. ONNX Runtime copies these twice while it loads, and maps those of a
file of their own: with 24 MB it is ready in two thirds of the time. (protobuf would refuse 2 GiB.)"""
SMALLEST = 2**16
"""Bytes of a weight that stays in the file of a large graph: others are mapped, each for itself."""
SHORT = 256
"""The same where the file of a graph is to be small, above all as another graph reads its weights too."""
PAGE = 4096
"""Where those begin: at a multiple of so many bytes, as ONNX recommends for data that will be mapped."""


def save(model: ir.Model, path: Path, largest: int = LARGEST_FILE) -> list[str]:
    """Write `path`, and `path` + `.data` beside it if the weights have more than `largest` bytes.

    Args:
        largest: 0 where another graph reads the same weights: then even short ones are shared.

    Returns:
        The names of the files written, without their directory.
    """
    smallest = SMALLEST if largest >= SMALLEST else SHORT
    if sum(size for size in sizes(model) if size > smallest) <= largest:
        ir.save(model, path)
        return [path.name]
    data = f"{path.name}.data"
    ir.save(model, path, external_data=data, size_threshold_bytes=smallest, alignment=PAGE, align_threshold=SMALLEST)
    return [path.name, data]


def divide(path: Path, largest: int = LARGEST_FILE) -> list[str]:
    """Write a graph again, as `save` would have, whose file holds all its weights.

    Returns:
        The names of its files, without their directory.
    """
    if path.stat().st_size <= largest:
        return [path.name]
    return save(ir.load(path), path, largest)


def sizes(model: ir.Model) -> Iterator[int]:
    """Of its weights, in bytes."""
    return (each.const_value.nbytes for each in model.graph.initializers.values() if each.const_value is not None)
