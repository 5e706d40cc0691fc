"""Writing a graph: one file, or the graph and its weights where one file cannot hold them."""

from __future__ import annotations

from pathlib import Path

import onnx_ir as ir

LARGEST_FILE = 2_000_000_000
"""Bytes of weights that go into the file itself: protobuf refuses 2 GiB, and the graph needs some of it."""


def save(model: ir.Model, path: Path, largest: int = LARGEST_FILE) -> list[str]:
    """Write `path`, and `path` + `.data` beside it if the weights have more than `largest` bytes.

    Returns:
        The names of the files written, without their directory.
    """
    weights = sum(
        value.const_value.nbytes for value in model.graph.initializers.values() if value.const_value is not None
    )
    if weights <= largest:
        ir.save(model, path)
        return [path.name]
    data = f"{path.name}.data"
    ir.save(model, path, external_data=data)
    return [path.name, data]
