"""The second graph of an artefact for an engine that is slow with many shapes: rows that several texts share.

No torch here: what it has to answer is what the artefact answers, which was proven before, or held to its budget.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir

from bert_calibration.baseline import BaselineArtefact
from bert_export.errors import GateError
from bert_export.saving import divide
from bert_runtime.errors import InputError
from bert_runtime.manifest import Artefact, Graph
from bert_runtime.schedule import BatchLimits, collate, plan, split
from bert_runtime.sequence_packing import WIDTH, pack, plan_packed, unpack
from bert_runtime.targets import find_target
from bert_runtime.tasks.feature_extraction import PLAIN_POOLINGS
from bert_runtime.tasks.task import Features, Outputs, Reads
from bert_runtime.tasks.tensors import TYPES, with_own_width, without_types

if TYPE_CHECKING:
    from bert_runtime.backends.engine import Engine


TYPE_TABLE = "token_type_embeddings.weight"

RANDOM_TEXTS = 40
"""Texts of random tokens beside the task's examples: three rows of them, and more."""

ABSOLUTE = 1e-4
"""How far outputs in single precision may be from the artefact's own: sums in another order. A token that sees another
text is off by far more."""

RELATIVE: Mapping[str, float] = {"fp32": 0.0, "bf16": 6e-2, "int8": 6e-2}
"""Precision -> the same as a share of the largest output, where numbers are rounded on the way. As for bf16 itself."""


@dataclass(frozen=True)
class SharedRowsReport:
    """What the gate found.

    Attributes:
        texts, rows: how many texts were compared, and the rows that they shared.
        max_difference: the largest absolute difference of any output from the artefact's own.
        tolerance: what it may be.
    """

    texts: int
    rows: int
    max_difference: float
    tolerance: float

    def __str__(self) -> str:
        return (
            f"{self.texts} texts in {self.rows} packed rows: largest difference from rows of their own "
            f"{self.max_difference:.1e}, tolerance {self.tolerance:.1e}: passed"
        )


@dataclass(frozen=True)
class Shared:
    """The artefact with its second graph, all its files, and the report."""

    artefact: Artefact
    files: Mapping[str, Path]
    report: SharedRowsReport


def pack_sequences_of(baseline: BaselineArtefact) -> Shared | None:
    """Write the graph for sequence packing beside the artefact's own, with the same weights, and compare their answers.

    None for a target that is no faster with it, and for a task without such a graph.

    Raises:
        GateError: an attention does not keep texts apart, or a text is answered otherwise than alone.
    """
    artefact, tensors = baseline.artefact, baseline.task.sequence_packing
    if not find_target(artefact.target).packs_sequences or artefact.plain or tensors is None:
        return None
    if baseline.record.settings.pooling not in (None, *PLAIN_POOLINGS):  # the others pool whole rows
        return None
    from bert_export.passes.pack_sequences import pack_sequences  # noqa: PLC0415 - onnxscript: not for other targets

    data = artefact.data or tuple(divide(baseline.path, 0)[1:])
    graph = ir.load(baseline.path)
    if not any(spec.name == TYPES for spec in artefact.inputs):
        tensors = dataclasses.replace(tensors, inputs=without_types(tensors.inputs))
    if artefact.outputs != baseline.task.graph_outputs():
        tensors = dataclasses.replace(tensors, outputs=with_own_width(tensors.outputs))
    attentions = sum(node.op_type == "Softmax" for node in graph.graph)
    types = _token_types(graph)
    apart = pack_sequences(graph, tensors, baseline.task.reads)
    if apart != attentions:
        raise GateError(
            f"{apart} of {attentions} attentions keep texts apart that share a row, expected all. This is a mistake of "
            "bert-export: report it with the checkpoint's configuration"
        )
    file = f"{Path(artefact.file).stem}.sequence_packing.onnx"
    ir.save(graph, baseline.directory / file)  # the weights stay where they are
    second = Graph(file, data, tensors.inputs, tensors.outputs)
    whole = dataclasses.replace(artefact, data=data, sequence_packing=second)
    report = _compared(dataclasses.replace(baseline, artefact=whole), types)
    return Shared(whole, {name: baseline.directory / name for name in (artefact.file, file, *data)}, report)


def _compared(baseline: BaselineArtefact, types: int) -> SharedRowsReport:
    """Both graphs on the same texts."""
    artefact, second = baseline.artefact, baseline.artefact.packed_artefact
    assert second is not None
    texts = list(_texts(baseline, types))
    with baseline.engine() as engine:
        alone = dict(_alone(baseline, engine, texts))
    with dataclasses.replace(baseline, artefact=second).engine() as engine:
        together = dict(_together(baseline, engine, texts))
    names = [spec.name for spec in artefact.outputs]
    scales = {name: max(float(np.abs(own[name]).max(initial=0)) for own in alone.values()) for name in names}
    limits = {name: ABSOLUTE + RELATIVE[artefact.precision] * scale for name, scale in scales.items()}
    worst, name = max((_difference(alone, together, name) / limits[name], name) for name in names)
    report = SharedRowsReport(
        texts=len(texts),
        rows=sum(bool(row) for batch in plan_packed(texts, BatchLimits()) for row in batch),
        max_difference=_difference(alone, together, name),
        tolerance=limits[name],
    )
    if not worst <= 1:
        raise GateError(
            f"{name} of a text that shares its row differs by {report.max_difference:.1e} from that of the text alone, "
            f"expected {report.tolerance:.1e} at most ({artefact.target} {artefact.precision}). No bundle was written; "
            "this is a mistake of bert-export: report it with the checkpoint's configuration"
        )
    return report


def _difference(alone: Mapping[int, Outputs], together: Mapping[int, Outputs], name: str) -> float:
    """The largest; infinite where a number is none."""
    gaps = [float(np.abs(own[name] - together[i][name]).max(initial=0)) for i, own in alone.items()]
    return max(gap if np.isfinite(gap) else np.inf for gap in gaps)


def _alone(baseline: BaselineArtefact, engine: Engine, texts: Sequence[Features]) -> Iterator[tuple[int, Outputs]]:
    artefact = baseline.artefact
    for indices in plan(texts, BatchLimits()):
        batch = [texts[i] for i in indices]
        feeds = collate(batch, baseline.text.pad_id)
        given = {spec.name: feeds[spec.name] for spec in artefact.inputs}
        outputs = engine.run(given, [spec.name for spec in artefact.outputs])
        yield from zip(indices, split(outputs, batch, artefact.outputs), strict=True)


def _together(baseline: BaselineArtefact, engine: Engine, texts: Sequence[Features]) -> Iterator[tuple[int, Outputs]]:
    graph = baseline.artefact.sequence_packing
    assert graph is not None
    for batch in plan_packed(texts, BatchLimits()):
        feeds, places = pack(batch, texts, baseline.text.pad_id, graph.inputs)
        outputs = engine.run(feeds, [spec.name for spec in graph.outputs])
        yield from unpack(outputs, places, texts, graph.outputs)


def _texts(baseline: BaselineArtefact, types: int) -> Iterator[Features]:
    """The task's examples, and random tokens: texts of two tokens, of as many as there may be, and between."""
    head, text = baseline.task.head(baseline.text, baseline.record.settings), baseline.text
    for request in baseline.requests(baseline.task.examples_for(baseline.text)):
        with contextlib.suppress(InputError):  # a short model or a small vocabulary has no room for it
            rows = head.encode(request).features
            yield from (row for row in rows if row.type_ids.max(initial=0) < types)
    random = np.random.default_rng(0)
    usual = random.integers(2, min(text.max_length, WIDTH // 4) + 1, RANDOM_TEXTS)
    for length in (2, *usual.tolist(), text.max_length):
        positions = None
        if baseline.task.reads is Reads.MASKED_POSITIONS:
            positions = np.sort(random.choice(length, random.integers(0, min(3, length) + 1), replace=False))
        ids = random.integers(0, text.vocabulary_size, length)
        later = (np.arange(length) >= random.integers(1, length + 1)).astype(np.int64)
        yield Features(ids, np.minimum(later, types - 1), np.ones(length, np.int64), positions)


def _token_types(graph: ir.Model) -> int:
    """How many the model has an embedding for; one where it has no types."""
    tables = (value.const_value for name, value in graph.graph.initializers.items() if TYPE_TABLE in name)
    rows = (table.shape.numpy()[0] for table in tables if table is not None and len(table.shape) == 2)
    return min(rows, default=1)
