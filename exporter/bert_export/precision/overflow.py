"""Values that half precision cannot hold, found by running the graph in single precision on real texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from bert_export.precision.types import SINGLE, largest_half
from bert_runtime.backends.onnxruntime import import_onnxruntime

Feeds = Mapping[str, NDArray[Any]]

MARGIN = 2.0
"""Texts not seen here may reach further: half of the range counts as its end."""


def overflowing_nodes(model: ir.Model, texts: Sequence[Feeds]) -> frozenset[str]:
    """The names of the nodes that write or read a value beyond the range on one of `texts`; `model` stays as it is."""
    reached = _largest(model, texts)
    beyond = {name for name, largest in reached.items() if not largest * MARGIN <= largest_half()}
    found = set()
    for node in model.graph:
        names = {value.name for value in (*node.inputs, *node.outputs) if value is not None}
        if names & beyond:
            found.add(str(node.name))
    return frozenset(found)


def _largest(model: ir.Model, texts: Sequence[Feeds]) -> dict[str, float]:
    """Value -> the largest magnitude of its numbers over all texts, for what nodes of the graph compute."""
    probe = model.clone()
    made = [value for node in probe.graph for value in node.outputs if value.dtype == SINGLE]
    probe.graph.outputs[:] = made
    names = [str(value.name) for value in made]
    session = import_onnxruntime().InferenceSession(
        ir.to_proto(probe).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    largest = dict.fromkeys(names, 0.0)
    for feeds in texts:
        for name, value in zip(names, session.run(names, dict(feeds)), strict=True):
            largest[name] = max(largest[name], float(np.abs(value).max(initial=0.0)))
    return largest
