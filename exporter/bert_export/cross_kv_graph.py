"""The second graph of a decoder that reads an encoder: from the encoder's states to cross keys and values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import onnx_ir as ir

from bert_export.checkpoint import Checkpoint
from bert_export.passes import optimize
from bert_export.progress import Stages
from bert_export.rewrite import source_reader
from bert_export.saving import save
from bert_export.trace import trace
from bert_runtime.manifest import Graph
from bert_runtime.targets import PORTABLE

CROSS_KV_FILE = "cross_kv.onnx"


@dataclass(frozen=True)
class WrittenGraph:
    """A graph on disk: its record, the size of each of its axes that belongs to the checkpoint, and its files."""

    record: Graph
    sizes: Mapping[str, int]
    files: tuple[str, ...]


def write_cross_kv_graph(checkpoint: Checkpoint, folder: Path, stages: Stages) -> WrittenGraph | None:
    """Trace and write it; None for a model that reads no encoder.

    It holds plain operators, which every target runs alike: one file serves all artefacts.
    """
    reader = source_reader(checkpoint.model, checkpoint.task)
    if reader is None:
        return None
    with stages.stage("trace"):
        graph = trace(reader)
    with stages.stage("fuse"):
        optimize(graph, PORTABLE.name)
        files = save(graph, folder / CROSS_KV_FILE)
    record = Graph(CROSS_KV_FILE, tuple(files[1:]), reader.inputs, reader.outputs)
    return WrittenGraph(record, fixed_sizes(graph, record), tuple(files))


def fixed_sizes(graph: ir.Model, record: Graph) -> dict[str, int]:
    """Axis -> size, of the axes that are fixed in the graph."""
    values, specs = [*graph.graph.inputs, *graph.graph.outputs], record.inputs + record.outputs
    return {
        axis: size
        for spec, value in zip(specs, values, strict=True)
        for axis, size in zip(spec.axes, value.shape or (), strict=True)
        if isinstance(size, int)
    }
