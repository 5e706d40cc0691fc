"""What every way of making an artefact shares: its record, the parity gate, and the report."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from bert_export.attention_masks import shares_weights
from bert_export.bundle_writer import MODEL_FILE, graph_file
from bert_export.checkpoint import Checkpoint
from bert_export.contents import text_of
from bert_export.context import ExportContext, Made
from bert_export.cross_kv_graph import fixed_sizes
from bert_export.options import Variant
from bert_export.passes.fusion_gate import count_fusions
from bert_export.precision.overflow import Feeds
from bert_export.report import ArtefactReport
from bert_export.rewrite.pooling import outputs_of
from bert_export.right_padded import Start
from bert_export.saving import LARGEST_FILE
from bert_export.trace import OPSET
from bert_export.verify import ArtefactUnderTest, Parity, verify
from bert_runtime.backends.openvino import OpenVinoEngine
from bert_runtime.backends.select import start
from bert_runtime.cpus import available_cpus
from bert_runtime.errors import InputError
from bert_runtime.manifest import Artefact
from bert_runtime.schedule import collate
from bert_runtime.tasks.task import Features
from bert_runtime.tasks.tensors import expand


class ArtefactBuilder:
    """What every way of making an artefact needs: its record, torch beside it, and the report at the end."""

    def __init__(self, checkpoint: Checkpoint, variant: Variant, context: ExportContext) -> None:
        self._task, self._settings, self._variant = checkpoint.task, checkpoint.settings, variant
        self._plain, folder, self._source = context.plain, context.folder, context.cross_kv_graph
        self._layers = checkpoint.family.value(checkpoint.config, "num_hidden_layers")
        self._family, self._model = checkpoint.family, checkpoint.model
        self._kernels = ""
        self.path = folder / graph_file(variant.target, first=not (folder / MODEL_FILE).exists())
        self.largest = 0 if shares_weights(variant.target, context.masks) else LARGEST_FILE
        self._head = checkpoint.task.head(text_of(checkpoint), checkpoint.settings)
        self._reference = context.reference

    def artefact(self, written: list[str]) -> Artefact:
        """The record of an artefact whose graph is the first of `written`, its external data the others."""
        reads_source = self._source is not None
        inputs = expand(self._family.inputs(self._task, self._plain, reads_source), self._layers)
        outputs = expand(outputs_of(self._model, self._task, self._plain), self._layers)
        target, precision = self._variant.target, self._variant.precision
        record = Artefact(target, precision, written[0], tuple(written[1:]), inputs, outputs, "any", OPSET, self._plain)
        return record if self._source is None else dataclasses.replace(record, cross_kv_graph=self._source.record)

    def verify(self, artefact: Artefact, sweep: bool = True, start_own: Start = start) -> Parity:
        """The parity gate; without `sweep` on real texts alone. `start_own` starts the artefact's own graph."""
        folder, source = self.path.parent, artefact.cross_kv_artefact
        engine = start_own(folder, artefact, available_cpus())
        reader = None if source is None else start(folder, source, available_cpus())
        if isinstance(engine, OpenVinoEngine):
            self._kernels = f"{engine.name} runs {engine.fused_attentions} of {self._layers} attentions as one kernel"
        try:
            return verify(ArtefactUnderTest(self._task, self._head, artefact, engine, reader), self._reference, sweep)
        finally:
            for each in (engine, reader):
                if each is not None:
                    each.close()

    def texts(self) -> list[Feeds]:
        """The graph's inputs for the task's examples; a cache is empty, and encoder states are random."""
        sizes, random = {"batch": 1, "past": 0, "source": 12, **self._reference.cache_sizes}, np.random.default_rng(0)
        found: list[Feeds] = []
        for row in self._example_rows():
            feeds: dict[str, NDArray[Any]] = {**collate([row], self._head.text.pad_id)}
            for spec in self.artefact([""]).inputs:
                if spec.name not in feeds:
                    shape = [sizes[axis] for axis in spec.axes]
                    numbers = np.ones(shape) if spec.dtype == "int64" else random.standard_normal(shape)
                    feeds[spec.name] = numbers.astype(spec.dtype)
            found.append({spec.name: feeds[spec.name] for spec in self.artefact([""]).inputs})
        return found

    def _example_rows(self) -> Iterator[Features]:
        for record in self._task.examples_for(self._head.text):
            with contextlib.suppress(InputError):  # a short model or a small vocabulary has no room for it
                yield from self._head.encode(self._task.request.from_record(record)).features

    def made(self, graph: ir.Model, written: list[str], parity: Parity, kept: str = "") -> Made:
        """The artefact, once it has passed."""
        artefact = self.artefact(written)
        sizes = fixed_sizes(graph, artefact.graphs[0])
        if self._source is not None:
            sizes |= self._source.sizes
            written = [*written, *self._source.files]
        if any(spec.is_per_layer for spec in self._task.graph_outputs(self._plain)):
            sizes["layers"] = self._layers
        files = {name: self.path.with_name(name) for name in written}
        fusions = dict(sorted(count_fusions(graph).items()))
        return Made(artefact, files, sizes, ArtefactReport(fusions, parity, kept, self._kernels))
